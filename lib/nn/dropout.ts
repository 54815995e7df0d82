import * as check from '../check.js';
import { dropout as dropoutOp } from '../ops/dropout.js';
import type { Builder } from './builder.js';
import { type BuiltLayer, Layer, type LayerConfig } from './layer.js';
import { misplaced, pointwise, type Spec } from './spec.js';

/** What `dropout` makes. */
export class DropoutLayer extends Layer {
  override readonly kind = 'dropout';

  /** @internal */
  constructor(readonly rate: number) {
    super();
    Object.freeze(this);
  }

  override toJSON(): LayerConfig {
    return { kind: this.kind, options: { rate: this.rate } };
  }

  /** @internal */
  override build(_builder: Builder, input: Spec): BuiltLayer {
    if (input.kind === 'tokens') throw misplaced('dropout', 'features or sequences', input);
    const { rate } = this;
    return {
      output: pointwise(input, input.width),
      forward: ({ graph, training, seed, attempt }, { value }) => ({
        value: training && rate > 0 ? dropoutOp(graph, value, { rate, seed, attempt }) : value,
      }),
    };
  }
}

/**
 * In training steps zeroes each value with probability `rate` and divides the others by 1 − rate;
 * elsewhere does nothing.
 * @throws ERR_BNLSTM_ARGUMENT
 */
export function dropout(rate: number): DropoutLayer {
  return new DropoutLayer(check.number(rate, 'dropout: rate', { min: 0, below: 1 }));
}
