import { afterEach, describe, expect, it, vi } from 'vitest';
import {
  type Command,
  helpText,
  integerOption,
  listOption,
  numberOption,
  runCommand,
} from '../../lib/cli/command.js';

const options = {
  count: { type: 'string', value: 'N', help: 'how many' },
  quiet: { type: 'boolean', help: 'say nothing' },
} as const;

function command(run: Command<typeof options>['run'] = async () => {}): Command {
  return {
    name: 'make',
    summary: 'Make something',
    details: '\nIn more words.\n',
    options,
    run,
  } as Command;
}

afterEach(() => {
  vi.restoreAllMocks();
});

describe('runCommand', () => {
  it('hands over what was given and nothing else', async () => {
    const run = vi.fn(async () => {});
    await runCommand(command(run), ['--count', '3', '--quiet']);
    await runCommand(command(run), ['--count=4']);
    expect(run.mock.calls).toEqual([[{ count: '3', quiet: true }], [{ count: '4' }]]);
  });

  it('prints its help instead', async () => {
    const log = vi.spyOn(console, 'log').mockImplementation(() => {});
    const run = vi.fn(async () => {});
    await runCommand(command(run), ['--help', '--count', '3']);
    expect(run).not.toHaveBeenCalled();
    expect(log).toHaveBeenCalledWith(helpText(command()));
  });

  it.each([
    [['--cuont', '3'], /'--cuont'.*; see `bnlstm make --help`/],
    [['--count'], /--count.*; see/],
    [['3'], /'3'.*; see/],
  ])('refuses %j', async (args, message) => {
    await expect(runCommand(command(), args)).rejects.toMatchObject({
      code: 'ERR_BNLSTM_ARGUMENT',
      message: expect.stringMatching(message),
    });
  });
});

describe('helpText', () => {
  it('lists every option', () => {
    expect(helpText(command())).toBe(`Usage: bnlstm make [options]

Make something.

In more words.

Options:
  --count N  how many
  --quiet    say nothing
  --help     print this text`);
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
