import { PassThrough } from 'node:stream';
import { stripVTControlCharacters } from 'node:util';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type Output, Progress } from '../../../lib/cli/train/progress.js';
import type { HistoryRecord } from '../../../lib/index.js';

/** An output that keeps what it is given. */
function output(isTTY: boolean, columns = 100) {
  const stream = Object.assign(new PassThrough(), { isTTY, columns });
  return { stream: stream as Output, text: () => String(stream.read() ?? '') };
}

const step = (index: number, more = {}): HistoryRecord => ({
  type: 'step',
  index,
  epoch: 1,
  loss: 1.23456,
  accuracy: 0.4567,
  gradientNorm: 1,
  learningRate: 0.001,
  seconds: 1,
  sequencesPerSecond: 1234.5,
  ...more,
});

const validation = (best: boolean): HistoryRecord => ({
  type: 'validation',
  index: 3,
  epoch: 2,
  loss: 0.5,
  accuracy: 0.9,
  best,
});

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

describe('Progress in a pipe', () => {
  it('writes a line every ten seconds, and the last one at the end', () => {
    let now = 0;
    const { stream, text } = output(false);
    const progress = new Progress(stream, 100, () => now);
    for (now = 0; now < 25; now++) progress.record(step(now + 1));
    progress.finish();
    progress.finish();
    expect(text().split('\n')).toEqual([
      'step 1/100, loss 1.235, 45.7 %, 1230 seq/s',
      'step 11/100, loss 1.235, 45.7 %, 1230 seq/s, 1:29 left',
      'step 21/100, loss 1.235, 45.7 %, 1230 seq/s, 1:19 left',
      'step 25/100, loss 1.235, 45.7 %, 1230 seq/s, 1:18 left',
      '',
    ]);
  });

  it('writes validations and warnings as they come', () => {
    const { stream, text } = output(false);
    const progress = new Progress(stream, 100, () => 0);
    progress.record(validation(true));
    progress.record(validation(false));
    progress.record({ type: 'warning', index: 3, message: 'the disk is slow' });
    expect(text()).toBe(
      'epoch 2, step 3: validation loss 0.5000, accuracy 90.0 % (the best so far)\n' +
        'epoch 2, step 3: validation loss 0.5000, accuracy 90.0 %\n' +
        'warning: the disk is slow\n',
    );
  });

  it('leaves out what is not known', () => {
    const { stream, text } = output(false);
    new Progress(stream, undefined, () => 0).record(step(5, { accuracy: undefined }));
    expect(text()).toBe('step 5, loss 1.235, 1230 seq/s\n');
  });

  it('knows the speed of a resumed run by what it has done itself', () => {
    let now = 0;
    const { stream, text } = output(false);
    const progress = new Progress(stream, 1000, () => now);
    progress.record(step(900));
    now = 10;
    progress.record(step(910));
    expect(text()).toContain('step 910/1000, loss 1.235, 45.7 %, 1230 seq/s, 1:30 left');
  });
});

describe('Progress on a terminal', () => {
  const frames = (text: string) =>
    text.match(/█|░{16}/g) === null ? 0 : text.split('step ').length - 1;

  it('draws a bar, at most ten times a second', () => {
    const { stream, text } = output(true);
    const progress = new Progress(stream, 100);
    for (let i = 0; i < 50; i++) {
      progress.record(step(i + 1));
      vi.advanceTimersByTime(10); // half a second in all
    }
    progress.erase();
    const drawn = text();
    expect(drawn).toContain('████████░░░░░░░░ 50 %  step 50/100  loss 1.235  45.7 %');
    expect(frames(drawn)).toBeGreaterThan(2);
    expect(frames(drawn)).toBeLessThanOrEqual(7); // the first and the last are drawn in any case
  });

  it('never fills a line', () => {
    const { stream, text } = output(true, 30);
    const progress = new Progress(stream, 100);
    progress.record(step(50));
    progress.erase();
    const frames = text()
      .split('\x1b')
      .map((part) => stripVTControlCharacters(`\x1b${part}`));
    const lines = frames.filter((line) => line.includes('%'));
    expect(Math.max(...lines.map((line) => line.length))).toBe(29);
  });

  it('takes the bar away for a line that stays, and goes on below', () => {
    const { stream, text } = output(true);
    const progress = new Progress(stream, 100);
    progress.record(step(50));
    text();
    progress.record(validation(true));
    const [, after] = text().split('\x1b[2K'); // the line is cleared
    expect(after).toMatch(/^epoch 2, step 3: .*\n/);
    expect(after).toBeTruthy();
    progress.record(step(51));
    vi.advanceTimersByTime(200);
    expect(text()).toContain('step 51/100');
    progress.finish();
    expect(text()).toMatch(/step 51\/100, loss .*\n$/);
  });

  it('leaves no mode of the terminal behind', () => {
    const { stream, text } = output(true);
    const progress = new Progress(stream, 100);
    progress.record(step(50));
    expect(text()).not.toContain('\x1b[?'); // neither the cursor is hidden nor wrapping off
    progress.erase();
  });
});
