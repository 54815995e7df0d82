import { type ParseArgsConfig, parseArgs } from 'node:util';
import * as check from '../check.js';
import { BnLstmError } from '../errors.js';

/** One option of a command, with what its help says. */
export interface Option {
  readonly type: 'string' | 'boolean';
  /** What stands for its value in the help, for example `N`. */
  readonly value?: string;
  readonly help: string;
}

type Options = Readonly<Record<string, Option>>;

/** What was given on the command line; an option that was not is absent. */
export type Values<O extends Options> = {
  readonly [Name in keyof O]?: O[Name]['type'] extends 'boolean' ? boolean : string;
};

export interface Command<O extends Options = Options> {
  /** A word, or two: `bench cpu`. */
  readonly name: string;
  /** One line for the list of commands. */
  readonly summary: string;
  /** More lines for the command's own help. */
  readonly details?: string;
  /** What stands behind the name, as `<file>`; a command without takes none. */
  readonly operands?: string;
  readonly options: O;
  run(values: Values<O>, operands: readonly string[]): Promise<void>;
}

const helpOption: Option = { type: 'boolean', help: 'print this text' };

/** What `bnlstm <command> --help` prints. */
export function helpText(command: Command): string {
  const rows = Object.entries({ ...command.options, help: helpOption }).map(
    ([name, { value, help }]) => [`  --${name}${value ? ` ${value}` : ''}`, help] as const,
  );
  const width = Math.max(...rows.map(([left]) => left.length)) + 2;
  const options = rows.map(([left, help]) => left.padEnd(width) + help).join('\n');
  const details = command.details ? `\n${command.details.trim()}\n` : '';
  const operands = command.operands ? ` ${command.operands}` : '';
  return `Usage: bnlstm ${command.name}${operands} [options]\n\n${command.summary}.\n${details}\nOptions:\n${options}`;
}

/** Parses a command's arguments and runs it, or prints its help. */
export async function runCommand(command: Command, args: readonly string[]): Promise<void> {
  const options = { ...command.options, help: helpOption };
  const allowPositionals = command.operands !== undefined;
  const config = { args: [...args], options, strict: true, allowPositionals };
  let values: Record<string, unknown>;
  let positionals: readonly string[];
  try {
    ({ values, positionals } = parseArgs(config as unknown as ParseArgsConfig));
  } catch (cause) {
    const hint = `see \`bnlstm ${command.name} --help\``;
    throw new BnLstmError('ERR_BNLSTM_ARGUMENT', `${(cause as Error).message}; ${hint}`, { cause });
  }
  if (values.help) console.log(helpText(command));
  else await command.run(values as Values<Options>, positionals);
}

function parseNumber(text: string): number | string {
  const value = text.trim() === '' ? Number.NaN : Number(text);
  return Number.isNaN(value) ? text : value; // the text, so that the message shows it
}

/** The value of a numeric option, or undefined if it was not given. */
export function numberOption(
  text: string | undefined,
  name: string,
  range: check.Range,
): number | undefined {
  return text === undefined ? undefined : check.number(parseNumber(text), `--${name}`, range);
}

/** The same for whole numbers. */
export function integerOption(
  text: string | undefined,
  name: string,
  range: check.Range,
): number | undefined {
  return text === undefined ? undefined : check.integer(parseNumber(text), `--${name}`, range);
}

/** What is between the commas, each parsed, or undefined if the option was not given. */
export function listOption<T>(
  text: string | undefined,
  name: string,
  parse: (item: string) => T,
): readonly T[] | undefined {
  if (text === undefined) return undefined;
  const items = text.split(',').map((item) => parse(item.trim()));
  const twice = items.find((item, i) => items.indexOf(item) < i);
  if (twice === undefined) return items;
  throw check.argumentError(`--${name}`, 'every value once', check.show(text));
}
