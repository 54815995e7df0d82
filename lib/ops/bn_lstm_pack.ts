import type { FloatType, NativeStream } from '../native.js';
import type { Graph } from '../program/graph.js';
import type { Value } from '../program/value.js';
import { checkOperand, operandError } from './operand.js';

export interface BnLstmPackOptions {
  /** [R][D][4H]. */
  readonly wx: Value;
  /** [R][H][4H]. */
  readonly wh: Value;
  /** u8 of packedBytes, external: written in place. */
  readonly packed: Value;
  /** Whether bnLstm gathers rows of wx by token. */
  readonly tokens: boolean;
  /** What the products' operands are rounded to: bnLstm's own `dtype`. Default 'f32'. */
  readonly dtype?: FloatType;
}

/** Rearranges weights as the engine's bnLstm reads them; to be run after they have changed. */
export function bnLstmPack(graph: Graph, packing: BnLstmPackOptions): void {
  const { wx, wh, packed, tokens, dtype = 'f32' } = packing;
  const [directions, hidden] = wh.shape;
  const inputs = wx.shape[1];
  if (directions === undefined || hidden === undefined) {
    throw operandError('bnLstmPack', 'wh', 'f32 [R][H][4H]', wh);
  }
  if (inputs === undefined) throw operandError('bnLstmPack', 'wx', 'f32 [R][D][4H]', wx);
  checkOperand('bnLstmPack', 'wh', wh, 'f32', [directions, hidden, 4 * hidden]);
  checkOperand('bnLstmPack', 'wx', wx, 'f32', [directions, inputs, 4 * hidden]);
  graph.record({
    name: 'bnLstmPack',
    inputs: { wx, wh },
    outputs: { packed },
    options: { tokens, dtype },
  });
}

export interface PackedSize {
  readonly directions: number;
  /** Input size, or vocabulary with `tokens`. */
  readonly inputs: number;
  readonly hidden: number;
  readonly tokens: boolean;
  readonly dtype?: FloatType;
}

/** Bytes of packed weights on this stream's engine. */
export function packedBytes(
  stream: NativeStream,
  { directions, inputs, hidden, tokens, dtype = 'f32' }: PackedSize,
): number {
  const operands = {
    wx: { dtype: 'f32', shape: [directions, inputs, 4 * hidden] },
    wh: { dtype: 'f32', shape: [directions, hidden, 4 * hidden] },
    packed: { dtype: 'u8', shape: [0] },
  } as const;
  return stream.sizes({ name: 'bnLstmPack', operands, options: { tokens, dtype } }).packed;
}
