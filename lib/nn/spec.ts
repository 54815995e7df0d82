import { argumentError } from '../check.js';

/** Token ids of every step: the input of a model with a vocabulary. */
export interface TokensSpec {
  readonly kind: 'tokens';
  readonly vocabulary: number;
}

/** Reals of every step, [T][B][width] on the device. */
export interface SequenceSpec {
  readonly kind: 'sequence';
  readonly width: number;
  /**
   * Where the outcome of the whole sequence is: at each row's last position; in the layer's final
   * state, because two directions end at opposite ends; or lost, because such a sequence was
   * transformed since.
   */
  readonly outcome: 'last-position' | 'final-state' | 'lost';
}

/** Reals of every row, [B][width]. */
export interface FeaturesSpec {
  readonly kind: 'features';
  readonly width: number;
}

/** What flows from one layer to the next, known when a model is built. */
export type Spec = TokensSpec | SequenceSpec | FeaturesSpec;

export function showSpec(spec: Spec): string {
  switch (spec.kind) {
    case 'tokens':
      return `token ids (vocabulary ${spec.vocabulary})`;
    case 'sequence':
      return `sequences of ${spec.width} features`;
    case 'features':
      return `${spec.width} features`;
  }
}

/** The error of a layer that cannot follow what it was put after. */
export function misplaced(layer: string, expected: string, got: Spec) {
  return argumentError(`${layer}: input`, expected, showSpec(got));
}

/** What a layer gives that treats every step by itself. */
export function pointwise(input: SequenceSpec | FeaturesSpec, width: number): Spec {
  if (input.kind === 'features') return { kind: 'features', width };
  const outcome = input.outcome === 'last-position' ? 'last-position' : 'lost';
  return { kind: 'sequence', width, outcome };
}
