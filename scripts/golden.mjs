// npm run golden -- FILE [--device D] [--dtype T]: sets up, then the comparison with a golden file.
import { join } from 'node:path';
import { setup } from './setup.mjs';
import { become, fail, root } from './tools.mjs';

await setup().catch(fail);
const tool = ['--enable-source-maps', '--import', new URL('typescript.mjs', import.meta.url).href];
become(process.execPath, [...tool, join(root, 'test/golden/main.ts'), ...process.argv.slice(2)]);
