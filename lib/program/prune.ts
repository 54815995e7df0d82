import type { RecordedOp } from './recording.js';
import type { Value } from './value.js';

/**
 * The ops that matter to `results` and to memory outside the program, each without the optional
 * outputs that nobody reads. What an op writes in place always matters.
 */
export function prune(ops: readonly RecordedOp[], results: Iterable<Value>): RecordedOp[] {
  const read = new Set(results);
  const matters = (value: Value) => value.storage.kind === 'external' || read.has(value);
  const kept: RecordedOp[] = [];
  for (const op of ops.slice().reverse()) {
    const outputs = Object.entries(op.outputs);
    if (!outputs.some(([, value]) => matters(value))) continue;
    for (const value of Object.values(op.inputs)) read.add(value);
    const written = outputs.filter(([name, value]) => !op.optional.has(name) || matters(value));
    kept.push({ ...op, outputs: Object.fromEntries(written) });
  }
  return kept.reverse();
}
