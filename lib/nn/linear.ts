import * as check from '../check.js';
import { linear as linearOp } from '../ops/linear.js';
import type { Builder } from './builder.js';
import { checkInitializer, type Initializer, orthogonal, zeros } from './initializers.js';
import { type BuiltLayer, Layer, type LayerConfig } from './layer.js';
import { misplaced, pointwise, type Spec } from './spec.js';

export interface LinearOptions {
  /** Weights [inputs][outputs]. Default `orthogonal()`. */
  readonly init?: Initializer | undefined;
  /** Whether there is a bias, zero at first. Default true. */
  readonly bias?: boolean | undefined;
}

/** What `linear` makes. */
export class LinearLayer extends Layer {
  override readonly kind = 'linear';

  /** @internal */
  constructor(
    readonly outputs: number,
    readonly init: Initializer,
    readonly bias: boolean,
  ) {
    super();
    Object.freeze(this);
  }

  override toJSON(): LayerConfig {
    const { outputs, init, bias } = this;
    return { kind: this.kind, options: { outputs, init, bias } };
  }

  /** @internal */
  override build(builder: Builder, input: Spec): BuiltLayer {
    if (input.kind === 'tokens') throw misplaced('linear', 'features or sequences', input);
    const { outputs, init } = this;
    const shape = [input.width, outputs];
    const w = builder.parameter({ name: 'w', shape, fill: init.fill, decays: true });
    const b = this.bias
      ? builder.parameter({ name: 'b', shape: [outputs], fill: zeros().fill })
      : undefined;
    // What leaves the network keeps its digits: close logits would become equal ones.
    const dtype = builder.last ? 'f32' : builder.dtype;
    return {
      output: pointwise(input, outputs),
      forward: (pass, { value }) => ({
        value: linearOp(pass.graph, value, pass.parameter(w), b && pass.parameter(b), dtype),
      }),
    };
  }
}

/**
 * y = x w + b, of every step if it follows a sequence: parameters `w` [inputs][outputs] and `b`
 * [outputs].
 * @throws ERR_BNLSTM_ARGUMENT
 */
export function linear(outputs: number, options?: LinearOptions): LinearLayer {
  const { init, bias } = check.options(options, 'linear', ['init', 'bias']);
  return new LinearLayer(
    check.integer(outputs, 'linear: outputs', { min: 1 }),
    checkInitializer(init ?? orthogonal(), 'linear: init'),
    check.boolean(bias ?? true, 'linear: bias'),
  );
}
