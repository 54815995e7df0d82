// npm start: sets up, then the demonstration.
import { join } from 'node:path';
import { setup } from './setup.mjs';
import { become, fail, root } from './tools.mjs';

await setup().catch(fail);
become(process.execPath, [join(root, 'dist/cli/main.js'), 'demo', ...process.argv.slice(2)]);
