import { afterEach, describe, expect, it, vi } from 'vitest';
import {
  type Command,
  integerOption,
  listOption,
  numberOption,
  runCommand,
} from '../../lib/cli/command.js';

const options = {
  count: { type: 'string', value: 'N', help: 'how many' },
  'at-most': { type: 'string', value: 'H[,B]/...', help: 'no more', group: 'Limits' },
  quiet: { type: 'boolean', help: 'say nothing' },
  'no-order': { type: 'boolean', help: 'in any order' },
} as const;

const none = async () => {};

function commands(run: Command<typeof options>['run']): readonly Command[] {
  const make = { name: 'make', summary: 'Make something', options, run };
  return [
    { ...make, details: '\nIn more words.\n' } as Command,
    { name: 'take', summary: 'Take', operands: '<file> [more...]', options: {}, run } as Command,
    { ...make, name: 'both at' } as Command,
    { ...make, name: 'both in' } as Command,
  ];
}

/** What is printed on stdout meanwhile. */
async function printed(args: readonly string[]): Promise<string> {
  let text = '';
  const write = vi.spyOn(process.stdout, 'write').mockImplementation((chunk) => {
    text += chunk;
    return true;
  });
  await runCommand(commands(none), args, { groups: { both: 'Two of them' }, version: '1.2.3' });
  write.mockRestore();
  return text;
}

afterEach(() => {
  vi.restoreAllMocks();
});

describe('runCommand', () => {
  it('hands over what was given, under its own name, and nothing else', async () => {
    const run = vi.fn(none);
    await runCommand(commands(run), ['make', '--count', '-3', '--quiet']);
    await runCommand(commands(run), ['make', '--at-most=4,5', '--no-order']);
    await runCommand(commands(run), ['both', 'in', '--count', '1']);
    expect(run.mock.calls).toEqual([
      [{ count: '-3', quiet: true }, []],
      [{ 'at-most': '4,5', 'no-order': true }, []],
      [{ count: '1' }, []],
    ]);
  });

  it('hands over operands', async () => {
    const run = vi.fn(none);
    await runCommand(commands(run), ['take', 'a', 'b', 'c']);
    expect(run.mock.calls).toEqual([[{}, ['a', 'b', 'c']]]);
  });

  it('waits for the command, and throws what it throws', async () => {
    const run = async () => {
      await Promise.resolve();
      throw new RangeError('no');
    };
    await expect(runCommand(commands(run), ['make'])).rejects.toThrow(RangeError);
  });

  it.each([
    [['make', '--cuont', '3'], /'--cuont' \(Did you mean --count\?\); see `bnlstm make --help`$/],
    [['make', '--count'], /--count .*missing; see `bnlstm make/],
    [['make', '3'], /too many arguments for 'make'.*; see `bnlstm make/],
    [['take'], /missing required argument 'file'; see `bnlstm take/],
    [['both', 'on'], /unknown command 'on' \(Did you mean in\?\); see `bnlstm both/],
    [['maek'], /unknown command 'maek' \(Did you mean make\?\); see `bnlstm --help`$/],
    [['help', 'both', 'on'], /unknown command 'on'/],
  ])('refuses %j', async (args, message) => {
    await expect(runCommand(commands(none), args)).rejects.toMatchObject({
      code: 'ERR_BNLSTM_ARGUMENT',
      message: expect.stringMatching(message),
    });
  });
});

describe('help', () => {
  it('lists every option, below its heading', async () => {
    const text = `Usage: bnlstm make [options]

Make something.

Options:
  --count <N>            how many
  --quiet                say nothing
  --no-order             in any order
  -h, --help             print this text

Limits:
  --at-most <H[,B]/...>  no more

In more words.
`;
    expect(await printed(['make', '--count', '3', '--help'])).toBe(text);
    expect(await printed(['help', 'make'])).toBe(text);
  });

  it('lists commands, and those of a group by themselves', async () => {
    const all = await printed([]);
    expect(all).toMatch(/^Usage: bnlstm <command> \[options\]\n/);
    expect(all).toMatch(/ {2}make .*\n {2}take .*\n {2}both +Two of them\n {2}help /);
    expect(await printed(['help'])).toBe(all);
    const group = await printed(['both']);
    expect(group).toMatch(/ {2}at .*\n {2}in /);
    expect(await printed(['help', 'both'])).toBe(group);
    expect(await printed(['help', 'both', 'in'])).toMatch(/^Usage: bnlstm both in \[options\]/);
  });

  it('prints the version', async () => {
    expect(await printed(['--version'])).toBe('1.2.3\n');
    expect(await printed(['-v'])).toBe('1.2.3\n');
  });
});

describe('numberOption and integerOption', () => {
  it('read numbers within their range', () => {
    expect(numberOption(undefined, 'minutes', {})).toBeUndefined();
    expect(numberOption('0.5', 'minutes', { above: 0 })).toBe(0.5);
    expect(integerOption('7', 'seed', { min: 0 })).toBe(7);
  });

  it('show what was given instead', () => {
    expect(() => numberOption('soon', 'minutes', {})).toThrow(
      '--minutes: expected a finite number, got "soon"',
    );
    expect(() => numberOption(' ', 'minutes', {})).toThrow('got " "');
    expect(() => integerOption('1.5', 'seed', { min: 0 })).toThrow(
      '--seed: expected an integer ≥ 0, got 1.5',
    );
  });
});

describe('listOption', () => {
  const list = (text?: string) =>
    listOption(text, 'threads', (item) => integerOption(item, 'threads', { min: 1 }));

  it('reads what is between commas', () => {
    expect(list()).toBeUndefined();
    expect(list('2')).toEqual([2]);
    expect(list('1, 2')).toEqual([1, 2]);
  });

  it('refuses a wrong, empty or repeated item', () => {
    expect(() => list('1,many')).toThrow('--threads: expected an integer ≥ 1, got "many"');
    expect(() => list('1,')).toThrow('--threads: expected an integer ≥ 1, got ""');
    expect(() => list('1,2,1')).toThrow('--threads: expected every value once, got "1,2,1"');
  });
});
