#!/usr/bin/env node
import { debuglog } from 'node:util';
import { BnLstmError } from '../errors.js';
import { VERSION } from '../index.js';
import { runCommand } from './command.js';
import { commands, groups } from './commands.js';
import { endWithOutput } from './interrupt.js';

for (const output of [process.stdout, process.stderr]) endWithOutput(output);
runCommand(commands, process.argv.slice(2), { groups, version: VERSION }).catch((error: Error) => {
  const code = error instanceof BnLstmError ? error.code : 'ERR_BNLSTM_INTERNAL';
  console.error(`bnlstm: ${code}: ${error.message}`);
  debuglog('bnlstm')('%s', error.stack); // with NODE_DEBUG=bnlstm
  process.exitCode = 1;
});
