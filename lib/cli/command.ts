import { Command as Commander, CommanderError, Option as CommanderOption } from 'commander';
import * as check from '../check.js';
import { BnLstmError } from '../errors.js';

/** One option of a command, with what its help says. */
export interface Option {
  readonly type: 'string' | 'boolean';
  /** What stands for its value in the help, for example `N`. */
  readonly value?: string;
  readonly help: string;
  /** The heading that it stands below in the help. Default `Options`. */
  readonly group?: string;
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
  /** What stands behind the name, as commander writes it: `<file>`, `[kind]`, `<folder...>`. */
  readonly operands?: string;
  readonly options: O;
  run(values: Values<O>, operands: readonly string[]): Promise<void>;
}

const helpFlags = ['-h, --help', 'print this text'] as const;

function addOption(to: Commander, name: string, { type, value, help, group }: Option): void {
  const flags = type === 'boolean' ? `--${name}` : `--${name} <${value ?? 'value'}>`;
  const option = new CommanderOption(flags, help);
  // Brackets and dots of `H,B[,T]/...` are for people: there is one value, and it has to be there.
  option.optional = false;
  option.variadic = false;
  if (group) option.helpGroup(`${group}:`);
  to.addOption(option);
}

/** The options that were given, under the names that they are declared with. */
function valuesOf(parsed: Commander): Record<string, unknown> {
  const values: Record<string, unknown> = {};
  for (const option of parsed.options) {
    const key = option.attributeName();
    // `--no-shuffle` turns `shuffle` off, which is on unless told otherwise.
    const given = parsed.getOptionValueSource(key) === 'cli';
    const name = option.long?.slice(2) as string;
    if (given) values[name] = option.negate ? true : parsed.opts()[key];
  }
  return values;
}

function addCommand(program: Commander, command: Command, groups: Groups): void {
  const [first, second] = command.name.split(' ');
  let parent = program;
  if (second !== undefined) {
    const group = program.commands.find((each) => each.name() === first);
    parent = group ?? program.command(first).description(groups[first] ?? '');
    parent
      .helpCommand(false)
      .helpOption(...helpFlags)
      .usage('<command> [options]');
  }
  const leaf = parent
    .command(second ?? first)
    .summary(command.summary)
    .description(`${command.summary}.`)
    .helpOption(...helpFlags);
  if (command.operands) leaf.arguments(command.operands);
  for (const [name, option] of Object.entries(command.options)) addOption(leaf, name, option);
  if (command.details) leaf.addHelpText('after', `\n${command.details.trim()}`);
  leaf.action(() => command.run(valuesOf(leaf) as Values<Options>, leaf.args));
}

/** `help bench cpu`: commander's own command would stop at `bench`. */
async function help(program: Commander, topic: readonly string[]): Promise<void> {
  let at = program;
  for (const name of topic) {
    const next = at.commands.find((command) => command.name() === name);
    if (next) at = next;
    else if (at.commands.length > 0)
      await program.parseAsync(topic, { from: 'user' }); // says so
    else break;
  }
  at.outputHelp();
}

/** What the first words of two-word commands stand for, in the list of commands. */
export type Groups = Readonly<Record<string, string>>;

/** The program that parses a command line and runs its command. */
function makeProgram(commands: readonly Command[], groups: Groups, version: string): Commander {
  const program = new Commander('bnlstm')
    .usage('<command> [options]')
    .exitOverride()
    .configureOutput({
      outputError: () => {}, // thrown, and printed where all errors are
      writeErr: (text) => process.stdout.write(text), // the help of a group without a command
    })
    .helpCommand(false)
    .helpOption(...helpFlags)
    .version(version, '-v, --version', 'print the version');
  for (const command of commands) addCommand(program, command, groups);
  program
    .command('help')
    .argument('[command...]')
    .summary('Print this text, or the help of a command')
    .helpOption(false)
    .action((topic: readonly string[]) => help(program, topic));
  return program;
}

/**
 * Runs the command that the arguments name, or prints help or version.
 * @throws ERR_BNLSTM_ARGUMENT for what is not a command or an option, with the nearest that is
 */
export async function runCommand(
  commands: readonly Command[],
  args: readonly string[],
  { groups = {}, version = '' }: { readonly groups?: Groups; readonly version?: string } = {},
): Promise<void> {
  const program = makeProgram(commands, groups, version);
  try {
    await program.parseAsync([...args], { from: 'user' });
  } catch (cause) {
    if (!(cause instanceof CommanderError)) throw cause;
    if (cause.exitCode === 0 || cause.code === 'commander.help') return; // help or version
    const message = cause.message.replace(/^error: /, '').replaceAll('\n', ' ');
    const hint = `see \`${path(program, args[0] === 'help' ? args.slice(1) : args)} --help\``;
    throw new BnLstmError('ERR_BNLSTM_ARGUMENT', `${message}; ${hint}`, { cause });
  }
}

/** The command that the arguments begin with, as far as there is one: `bnlstm bench`. */
function path(program: Commander, [first, ...rest]: readonly string[]): string {
  const next = program.commands.find((command) => command.name() === first);
  return next ? `${program.name()} ${path(next, rest)}` : program.name();
}

/** A number as it was typed, or else the text, so that a message shows it. */
export function parseNumber(text: string): number | string {
  const value = text.trim() === '' ? Number.NaN : Number(text);
  return Number.isNaN(value) ? text : value;
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
