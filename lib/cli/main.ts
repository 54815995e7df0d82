#!/usr/bin/env node
import { debuglog } from 'node:util';
import { argumentError, show } from '../check.js';
import { BnLstmError } from '../errors.js';
import { VERSION } from '../index.js';
import { benchCpu } from './bench_cpu.js';
import { benchGpu } from './bench_gpu.js';
import { type Command, helpText, runCommand } from './command.js';
import { demo } from './demo.js';
import { doctor } from './doctor.js';
import { paper } from './paper.js';

const commands: readonly Command[] = [demo, doctor, benchCpu, benchGpu, paper];

/** The command that the arguments begin with, and the arguments after its name. */
function find(args: readonly string[]): { command: Command; rest: readonly string[] } {
  for (const command of commands) {
    const length = command.name.split(' ').length;
    if (args.slice(0, length).join(' ') === command.name) {
      return { command, rest: args.slice(length) };
    }
  }
  const names = [...commands.map((candidate) => candidate.name), 'help'].join(', ');
  throw argumentError('command', `one of ${names}`, show(args[0]));
}

function overview(): string {
  const rows = [
    ...commands.map(({ name, summary }) => [name, summary]),
    ['help [command]', 'print this text, or the help of a command'],
    ['--version', 'print the version'],
  ];
  const lines = rows.map(([name, summary]) => `  ${name.padEnd(16)}${summary}`);
  return `Usage: bnlstm <command> [options]\n\n${lines.join('\n')}`;
}

async function main(args: readonly string[]): Promise<void> {
  const [name, ...topic] = args;
  if (name === '--version' || name === '-v') console.log(VERSION);
  else if (name === undefined || name === '--help' || name === '-h') console.log(overview());
  else if (name === 'help')
    console.log(topic.length === 0 ? overview() : helpText(find(topic).command));
  else {
    const { command, rest } = find(args);
    await runCommand(command, rest);
  }
}

main(process.argv.slice(2)).catch((error: Error) => {
  const code = error instanceof BnLstmError ? error.code : 'ERR_BNLSTM_INTERNAL';
  console.error(`bnlstm: ${code}: ${error.message}`);
  debuglog('bnlstm')('%s', error.stack); // with NODE_DEBUG=bnlstm
  process.exitCode = 1;
});
