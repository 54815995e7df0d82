import * as check from '../check.js';
import { embedding as embeddingOp } from '../ops/embedding.js';
import type { Builder } from './builder.js';
import { checkInitializer, type Initializer, uniform } from './initializers.js';
import { type BuiltLayer, Layer, type LayerConfig } from './layer.js';
import { misplaced, type Spec } from './spec.js';

export interface EmbeddingOptions {
  /** The table [vocabulary][width]. Default `uniform({ min: -0.1, max: 0.1 })`. */
  readonly init?: Initializer | undefined;
}

/** What `embedding` makes. */
export class EmbeddingLayer extends Layer {
  override readonly kind = 'embedding';

  /** @internal */
  constructor(
    readonly width: number,
    readonly init: Initializer,
  ) {
    super();
    Object.freeze(this);
  }

  override toJSON(): LayerConfig {
    return { kind: this.kind, options: { width: this.width, init: this.init } };
  }

  /** @internal */
  override build(builder: Builder, input: Spec): BuiltLayer {
    if (input.kind !== 'tokens') throw misplaced('embedding', 'token ids', input);
    const { width, init } = this;
    const shape = [input.vocabulary, width];
    const table = builder.parameter({ name: 'table', shape, fill: init.fill, decays: true });
    const { dtype } = builder;
    return {
      output: { kind: 'sequence', width, outcome: 'last-position' },
      forward: (pass, { value }) => ({
        value: embeddingOp(pass.graph, value, pass.parameter(table), dtype),
      }),
    };
  }
}

/**
 * A learned vector per token id: token ids [B][T] in, sequences [B][T][width] out; parameter
 * `table` [vocabulary][width]. Recurrent layers also take token ids themselves, which is the same
 * as one-hot input.
 * @throws ERR_BNLSTM_ARGUMENT
 */
export function embedding(width: number, options?: EmbeddingOptions): EmbeddingLayer {
  const { init } = check.options(options, 'embedding', ['init']);
  return new EmbeddingLayer(
    check.integer(width, 'embedding: width', { min: 1 }),
    checkInitializer(init ?? uniform({ min: -0.1, max: 0.1 }), 'embedding: init'),
  );
}
