import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import {
  bar,
  block,
  type Output,
  Progress,
  plainLine,
  type Snapshot,
} from '../../lib/cli/demo/progress.js';
import { formatSeconds } from '../../lib/cli/format.js';

const snapshot: Snapshot = {
  standings: [
    { name: 'BN-LSTM', loss: 1.2031, accuracy: 0.612, seconds: 300 },
    { name: 'LSTM', loss: 2.298, accuracy: 0.113, seconds: 200 },
  ],
  iteration: 312,
  secondsLeft: 161,
};

/** An output that keeps what it is given. */
function output(isTTY: boolean, columns = 120) {
  const stream = Object.assign(new PassThrough(), { isTTY, columns });
  return { stream: stream as Output, text: () => String(stream.read() ?? '') };
}

describe('bar', () => {
  it('is filled in eighths and never leaves its width', () => {
    expect([0, 0.5, 1].map((share) => bar(share, 4))).toEqual(['    ', '██  ', '████']);
    expect(bar(1 / 32, 4)).toBe('▏   ');
    for (const share of [-1, 0.33, 0.99, 2, Number.NaN]) expect(bar(share, 10)).toHaveLength(10);
  });
});

describe('formatSeconds', () => {
  it('gives hours, minutes and seconds', () => {
    expect([0, 5.4, 59.6, 161, -3, 3599.4, 3725].map(formatSeconds)).toEqual([
      '0:00',
      '0:05',
      '1:00',
      '2:41',
      '0:00',
      '59:59',
      '1:02:05',
    ]);
  });
});

describe('block', () => {
  it('has a line for each model, with what is common at the ends', () => {
    expect(block(snapshot, 120)).toEqual([
      'BN-LSTM   ▕█████████▊      ▏   61.2 %  loss 1.203  1.04 it/s  iteration 312',
      'LSTM      ▕█▊              ▏   11.3 %  loss 2.298  1.56 it/s  2:41 left',
    ]);
  });

  it('never fills a line, which would wrap', () => {
    for (const line of block(snapshot, 40)) expect(line).toHaveLength(39);
    expect(block(snapshot, 0)).toEqual(['', '']);
  });
});

describe('Progress', () => {
  it('redraws one block on a terminal, at most ten times a second', () => {
    let now = 0;
    const { stream, text } = output(true);
    const progress = new Progress(stream, () => now);
    progress.update(snapshot);
    const lines = block(snapshot, 120).map((line) => `\x1b[2K${line}\n`);
    expect(text()).toBe(lines.join(''));
    now = 0.05;
    progress.update(snapshot);
    expect(text()).toBe('');
    now = 0.1;
    progress.update(snapshot);
    expect(text()).toBe(`\x1b[2A${lines.join('')}`);
  });

  it('writes a plain line every ten seconds elsewhere, and the last one at the end', () => {
    let now = 0;
    const { stream, text } = output(false);
    const progress = new Progress(stream, () => now);
    const line =
      'BN-LSTM loss 1.203, accuracy 61.2 % | LSTM loss 2.298, accuracy 11.3 % | 2:41 left';
    expect(plainLine(snapshot)).toBe(`iteration 312 | ${line}`);
    for (now = 0; now < 25; now++) progress.update({ ...snapshot, iteration: now });
    progress.finish();
    progress.finish();
    expect(text()).toBe([0, 10, 20, 24].map((at) => `iteration ${at} | ${line}\n`).join(''));
  });

  it('goes on below a note', () => {
    const { stream, text } = output(true);
    let now = 0;
    const progress = new Progress(stream, () => now++);
    progress.update(snapshot);
    text();
    progress.note('Stopping');
    progress.update(snapshot);
    expect(text()).not.toContain('\x1b[2A');
  });
});
