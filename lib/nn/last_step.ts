import { argumentError } from '../check.js';
import { lastStep as lastStepOp } from '../ops/last_step.js';
import type { Builder } from './builder.js';
import { type BuiltLayer, Layer, type LayerConfig } from './layer.js';
import { misplaced, type Spec } from './spec.js';

/** What `lastStep` makes. */
export class LastStepLayer extends Layer {
  override readonly kind = 'lastStep';

  override toJSON(): LayerConfig {
    return { kind: this.kind, options: {} };
  }

  /** @internal */
  override build(_builder: Builder, input: Spec): BuiltLayer {
    if (input.kind !== 'sequence') throw misplaced('lastStep', 'sequences', input);
    if (input.outcome === 'lost') {
      throw argumentError(
        'lastStep',
        'to follow the bidirectional layer itself, because its directions end at opposite ends',
        'another layer in between: put lastStep() before it',
      );
    }
    return {
      output: { kind: 'features', width: input.width },
      forward: ({ graph, lengths }, { value, outcome }) => ({
        value: outcome ?? lastStepOp(graph, value, lengths),
      }),
    };
  }
}

/**
 * The last step of each row, by its length: sequences [B][T][D] in, features [B][D] out. After a
 * bidirectional layer, the final states of both directions.
 */
export function lastStep(): LastStepLayer {
  return new LastStepLayer();
}
