// node --import ./scripts/typescript.mjs FILE.ts
import module from 'node:module';
import * as hooks from './typescript-hooks.mjs';

/** @type {{ registerHooks?: (hooks: object) => void }} since Node 22.15 */
const { registerHooks } = /** @type {any} */ (module);
if (registerHooks !== undefined) registerHooks(hooks);
else module.register('./typescript-hooks.mjs', import.meta.url);
