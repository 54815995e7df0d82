import { internalError } from '../errors.js';
import type { NativeLocation, NativeOp, NativeOperand, NativeStream } from '../native.js';
import { type Buffer, type Plan, plan } from './plan.js';
import { Program } from './program.js';
import { prune } from './prune.js';
import type { RecordedOp, Recording } from './recording.js';
import { byteLength, hostTypeOf, type Shape, type Value } from './value.js';

/** What is known once a recording has been planned; what Program runs and describes. */
export interface Layout {
  readonly recording: Recording;
  /** After pruning. */
  readonly ops: readonly RecordedOp[];
  /** A value's shape, also that of a blob. */
  shapeOf(value: Value): Shape;
  locationOf(value: Value): NativeLocation;
  readonly arenaBytes: number;
  /** What the arena would take if no two values shared memory. */
  readonly unsharedBytes: number;
}

/**
 * Turns a recording into a program that the stream holds.
 * @throws ERR_BNLSTM_OUT_OF_MEMORY, ERR_BNLSTM_UNSUPPORTED
 */
export function compile(recording: Recording): Program {
  const { stream, inputs, outputs } = recording;
  const layout = lay(recording);
  const { locationOf } = layout;
  const transfer = (value: Value) => ({
    dtype: value.dtype,
    hostDtype: hostTypeOf(value.dtype),
    shape: value.shape,
    location: locationOf(value),
  });
  const native = stream.program({
    ops: layout.ops.map((op) => nativeOp(op, layout.shapeOf, locationOf)),
    inputs: inputs.map(({ value, batchMajor, lengths }) => ({
      ...transfer(value),
      batchMajor,
      ...(lengths && { lengths: inputs.findIndex((input) => input.value === lengths) }),
    })),
    outputs: outputs.map(({ value, batchMajor }) => ({ ...transfer(value), batchMajor })),
    arenaBytes: layout.arenaBytes,
  });
  return new Program(native, layout);
}

/** Prunes, asks the engine for the sizes of blobs and plans the arena. Allocates nothing. */
export function lay(recording: Recording): Layout {
  const ops = prune(
    recording.ops,
    recording.outputs.map(({ value }) => value),
  );
  const blobs = blobShapes(recording.stream, ops);
  const shapeOf = (value: Value) => blobs.get(value) ?? value.shape;
  const lives = liveness(recording, ops);
  const buffers = [...lives].map(
    ([value, { first, last }]): Buffer => ({
      bytes: byteLength(value.dtype, shapeOf(value)),
      first,
      last,
    }),
  );
  const { offsets, bytes }: Plan = plan(buffers);
  const arena = new Map([...lives.keys()].map((value, index) => [value, offsets[index]]));
  const locationOf = (value: Value): NativeLocation => {
    if (value.storage.kind === 'external') return value.storage.place;
    const offset = arena.get(value);
    if (offset === undefined) throw internalError(`'${value.label}' has no memory`);
    return { arena: offset };
  };
  const unsharedBytes = plan(buffers.map((buffer) => ({ ...buffer, first: 0, last: 0 }))).bytes;
  return { recording, ops, shapeOf, locationOf, arenaBytes: bytes, unsharedBytes };
}

/** Asks the engine about every op that writes a blob, with the operands that pruning has left. */
function blobShapes(stream: NativeStream, ops: readonly RecordedOp[]): Map<Value, Shape> {
  const shapes = new Map<Value, Shape>();
  for (const op of ops) {
    const blobs = Object.entries(op.outputs).filter(([, value]) => value.storage.kind === 'blob');
    if (blobs.length === 0) continue;
    const sizes = stream.sizes(nativeOp(op, (value) => shapes.get(value) ?? value.shape));
    for (const [name, value] of blobs) {
      if (name !== 'saved' && name !== 'scratch') {
        throw internalError(`${op.name} has a blob named '${name}'`);
      }
      shapes.set(value, [sizes[name]]);
    }
  }
  return shapes;
}

/**
 * From when to when each value in the arena holds something. Inputs are uploaded before op 0,
 * that is at -1; results are read after the last op.
 */
function liveness(recording: Recording, ops: readonly RecordedOp[]) {
  const lives = new Map<Value, { first: number; last: number }>();
  const use = (value: Value, time: number) => {
    if (value.storage.kind === 'external') return;
    const life = lives.get(value);
    if (life === undefined) lives.set(value, { first: time, last: time });
    else life.last = time;
  };
  for (const { value } of recording.inputs) use(value, -1);
  ops.forEach((op, time) => {
    for (const value of Object.values(op.inputs)) use(value, time);
    for (const value of Object.values(op.outputs)) use(value, time);
  });
  for (const { value } of recording.outputs) use(value, ops.length);
  return lives;
}

/** An op as native code takes it; without `locationOf` its operands are types alone. */
export function nativeOp(
  op: RecordedOp,
  shapeOf: (value: Value) => Shape,
  locationOf?: (value: Value) => NativeLocation,
): NativeOp {
  const operands: Record<string, NativeOperand> = {};
  for (const [name, value] of [...Object.entries(op.inputs), ...Object.entries(op.outputs)]) {
    const type = { dtype: value.dtype, shape: shapeOf(value) };
    operands[name] = locationOf ? { ...type, location: locationOf(value) } : type;
  }
  return { name: op.name, operands, options: op.options };
}
