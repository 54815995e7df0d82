import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { NativeOperand } from '../../lib/native.js';
import { Graph } from '../../lib/program/graph.js';
import { align, alignment, plan } from '../../lib/program/plan.js';
import { byteLength, type Value } from '../../lib/program/value.js';
import { FakeStream } from './fake_stream.js';

const buffer = fc
  .record({ bytes: fc.nat(1000), first: fc.integer({ min: -1, max: 20 }), length: fc.nat(8) })
  .map(({ bytes, first, length }) => ({ bytes, first, last: first + length }));

test('no two buffers that are alive at once overlap', () => {
  fc.assert(
    fc.property(fc.array(buffer, { maxLength: 40 }), (buffers) => {
      const { offsets, bytes } = plan(buffers);
      buffers.forEach((a, i) => {
        expect(offsets[i] % alignment).toBe(0);
        expect(offsets[i] + a.bytes).toBeLessThanOrEqual(bytes);
        for (let j = 0; j < i; j++) {
          const b = buffers[j];
          const together = a.first <= b.last && b.first <= a.last;
          const apart = offsets[i] + a.bytes <= offsets[j] || offsets[j] + b.bytes <= offsets[i];
          expect(!together || apart || a.bytes === 0 || b.bytes === 0).toBe(true);
        }
      });
      expect(bytes).toBeLessThanOrEqual(buffers.reduce((sum, { bytes }) => sum + align(bytes), 0));
    }),
  );
});

test('the arena is no larger than what is alive at the fullest moment, for a chain', () => {
  // Each link is read by the next one only, so two are alive at a time.
  const chain = Array.from({ length: 100 }, (_, i) => ({ bytes: 640, first: i, last: i + 1 }));
  expect(plan(chain).bytes).toBe(2 * 640);
});

test('buffers that live throughout lie side by side', () => {
  const buffers = [1, 64, 65].map((bytes) => ({ bytes, first: 0, last: 9 }));
  expect(plan(buffers)).toEqual({ offsets: [128, 192, 0], bytes: 256 });
});

test('nothing to plan takes nothing', () => {
  expect(plan([])).toEqual({ offsets: [], bytes: 0 });
});

/** Any op: how large its outputs are, and which of the values made before it reads. */
const anyOp = fc.record({
  outputs: fc.array(fc.integer({ min: 1, max: 100 }), { minLength: 1, maxLength: 3 }),
  optional: fc.boolean(),
  inputs: fc.array(fc.nat(), { maxLength: 4 }),
  scratch: fc.boolean(),
});

test('every op of a compiled program reads what was written for it', () => {
  const recipe = fc.record({
    inputs: fc.array(fc.integer({ min: 1, max: 100 }), { maxLength: 4 }),
    ops: fc.array(anyOp, { minLength: 1, maxLength: 20 }),
    outputs: fc.uniqueArray(fc.nat(60), { minLength: 1, maxLength: 4 }),
  });
  fc.assert(
    fc.property(recipe, ({ inputs, ops, outputs }) => {
      const stream = new FakeStream();
      const graph = new Graph(stream);
      const values: Value[] = inputs.map((size, i) => graph.input(`i${i}`, 'f32', [size]));
      // Operands are named after their value, so that the simulation can tell them apart.
      const named = (some: Value[]) =>
        Object.fromEntries(some.map((value) => [`${value.id}`, value]));
      for (const { outputs, optional, inputs, scratch } of ops) {
        const read = values.length > 0 ? inputs.map((k) => values[k % values.length]) : [];
        const written = outputs.map((size) => graph.value('f32', [size], 'v'));
        graph.record({
          name: 'any',
          inputs: named(read),
          outputs: { ...named(written), scratch: scratch ? graph.blob('scratch') : undefined },
          optional: optional ? Object.keys(named(written)) : [],
        });
        values.push(...written);
      }
      const results = [...new Set(outputs.map((k) => values[k % values.length]))];
      results.forEach((value, k) => {
        graph.output(`o${k}`, value);
      });
      graph.compile();

      const [program] = stream.programs;
      const memory = new Array<string>(program.arenaBytes).fill('');
      const range = ({ dtype, shape, location }: NativeOperand): [number, number] => {
        if (location === undefined || !('arena' in location)) throw new Error('not in the arena');
        return [location.arena, location.arena + byteLength(dtype, shape)];
      };
      const write = (name: string, operand: NativeOperand) => memory.fill(name, ...range(operand));
      const check = (name: string, operand: NativeOperand) => {
        const bytes = memory.slice(...range(operand));
        expect(bytes.length > 0 && bytes.every((owner) => owner === name)).toBe(true);
      };
      program.inputs.forEach((input, k) => {
        write(`${graph.inputs[k].value.id}`, input);
      });
      const made = new Set(graph.inputs.map(({ value }) => `${value.id}`));
      for (const { operands } of program.ops) {
        const entries = Object.entries(operands);
        const fresh = entries.filter(([name]) => !made.has(name));
        for (const [name, operand] of entries) if (made.has(name)) check(name, operand);
        for (const [name, operand] of fresh) write(name, operand);
        // Outputs of one op are all alive when it ends.
        for (const [name, operand] of fresh) check(name, operand);
        for (const [name] of fresh) if (name !== 'scratch') made.add(name);
      }
      program.outputs.forEach((output, k) => {
        check(`${graph.outputs[k].value.id}`, output);
      });
    }),
  );
});
