import { lay, nativeOp } from './compile.js';
import type { Recording } from './recording.js';
import { byteLength } from './value.js';

/** How the engine computes one op of a program. */
export interface OpPlan {
  /** The op's name, as 'bnLstm'. */
  readonly op: string;
  /** Which of the engine's ways serves it, as 'avx512', and why this one. */
  readonly plan: string;
  readonly why: string;
  /** Bytes that it keeps for the backward pass. */
  readonly savedBytes: number;
  /** Bytes that it needs while it runs. */
  readonly scratchBytes: number;
}

/** What a recording would take and how it would be computed; nothing is allocated. */
export function planOps(recording: Recording) {
  const { ops, shapeOf, arenaBytes } = lay(recording);
  const planned = ops.map((op) => {
    const bytes = (name: string) => {
      const value = op.outputs[name];
      return value?.storage.kind === 'blob' ? byteLength(value.dtype, shapeOf(value)) : 0;
    };
    const { name: plan, why } = recording.stream.plan(nativeOp(op, shapeOf));
    return {
      layer: op.layer,
      op: op.name,
      ...{ plan, why },
      ...{ savedBytes: bytes('saved'), scratchBytes: bytes('scratch') },
    };
  });
  return { arenaBytes, ops: planned };
}
