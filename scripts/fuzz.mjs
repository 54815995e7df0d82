// npm run fuzz -- [options of test/fuzz/main.ts]: sets up, then reads damaged files.
import { join } from 'node:path';
import { setup } from './setup.mjs';
import { become, fail, root } from './tools.mjs';

await setup().catch(fail);
const tool = ['--enable-source-maps', '--import', new URL('typescript.mjs', import.meta.url).href];
become(process.execPath, [...tool, join(root, 'test/fuzz/main.ts'), ...process.argv.slice(2)]);
