import { EventEmitter } from 'node:events';
import { expect, it, onTestFinished } from 'vitest';
import { endWithOutput, onInterrupt } from '../../lib/cli/interrupt.js';

it.each(['EPIPE', 'ECONNRESET'])(
  'a training is told once that nobody reads its output (%s)',
  (code) => {
    const output = new EventEmitter() as unknown as NodeJS.WritableStream;
    endWithOutput(output);
    const told: string[] = [];
    const interrupt = onInterrupt((signal) => told.push(signal), ['SIGPIPE']);
    onTestFinished(() => interrupt.dispose());
    for (let write = 0; write < 2; write++) output.emit('error', { code });
    expect(told).toEqual(['SIGPIPE']);
    expect(interrupt.signal.reason).toBe('SIGPIPE');
  },
);

it('any other error of the output is thrown', () => {
  const output = new EventEmitter() as unknown as NodeJS.WritableStream;
  endWithOutput(output);
  expect(() => output.emit('error', new Error('disk'))).toThrow('disk');
});
