// npm test: sets up, then vitest with whatever arguments were given.
import { join } from 'node:path';
import { setup } from './setup.mjs';
import { become, fail, root } from './tools.mjs';

await setup().catch(fail);
const vitest = join(root, 'node_modules/vitest/vitest.mjs');
become(process.execPath, [vitest, 'run', '--root', root, ...process.argv.slice(2)]);
