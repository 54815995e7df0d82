// Compiles TypeScript with the packages that are there: no network, whatever the lock file says.
import { compile } from '../setup.mjs';
import { fail } from '../tools.mjs';

await compile().catch(fail);
