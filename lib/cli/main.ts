#!/usr/bin/env node
import { debuglog } from 'node:util';
import { BnLstmError } from '../errors.js';
import { VERSION } from '../index.js';
import { benchCpu } from './bench_cpu.js';
import { benchGpu } from './bench_gpu.js';
import { type Command, runCommand } from './command.js';
import { demo } from './demo.js';
import { doctor } from './doctor.js';
import { paper } from './paper.js';

const commands: readonly Command[] = [demo, doctor, benchCpu, benchGpu, paper];
const groups = { bench: 'Measure the speed: on the CPU, on a GPU' };

runCommand(commands, process.argv.slice(2), { groups, version: VERSION }).catch((error: Error) => {
  const code = error instanceof BnLstmError ? error.code : 'ERR_BNLSTM_INTERNAL';
  console.error(`bnlstm: ${code}: ${error.message}`);
  debuglog('bnlstm')('%s', error.stack); // with NODE_DEBUG=bnlstm
  process.exitCode = 1;
});
