#!/usr/bin/env node
import { debuglog } from 'node:util';
import { argumentError, show } from '../check.js';
import { BnLstmError } from '../errors.js';
import { VERSION } from '../index.js';
import { type Command, helpText, runCommand } from './command.js';
import { demo } from './demo.js';
import { doctor } from './doctor.js';

const commands: readonly Command[] = [demo, doctor];

function find(name: string): Command {
  const command = commands.find((candidate) => candidate.name === name);
  if (command !== undefined) return command;
  const names = [...commands.map((candidate) => candidate.name), 'help'].join(', ');
  throw argumentError('command', `one of ${names}`, show(name));
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

async function main([name, ...rest]: readonly string[]): Promise<void> {
  if (name === '--version' || name === '-v') console.log(VERSION);
  else if (name === undefined || name === '--help' || name === '-h') console.log(overview());
  else if (name === 'help')
    console.log(rest[0] === undefined ? overview() : helpText(find(rest[0])));
  else await runCommand(find(name), rest);
}

main(process.argv.slice(2)).catch((error: Error) => {
  const code = error instanceof BnLstmError ? error.code : 'ERR_BNLSTM_INTERNAL';
  console.error(`bnlstm: ${code}: ${error.message}`);
  debuglog('bnlstm')('%s', error.stack); // with NODE_DEBUG=bnlstm
  process.exitCode = 1;
});
