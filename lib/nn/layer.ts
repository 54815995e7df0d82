import type { Value } from '../program/value.js';
import type { Builder } from './builder.js';
import type { Pass } from './pass.js';
import type { Spec } from './spec.js';

/** A layer as a saved model describes it. */
export interface LayerConfig {
  readonly kind: string;
  /** JSON; every option of the factory with its value. */
  readonly options: Readonly<Record<string, unknown>>;
}

/**
 * The description of a layer, as its factory (`bnLstm`, `linear`, ...) makes it: immutable, without
 * parameters, and so good for any number of models.
 */
export abstract class Layer {
  abstract readonly kind: string;

  /**
   * Declares the layer's parameters behind an input and gives what runs it.
   * @internal
   */
  abstract build(builder: Builder, input: Spec): BuiltLayer;

  /** Its form in a saved model. */
  abstract toJSON(): LayerConfig;
}

/** What goes through the layers in one recording. */
export interface Signal {
  /** tokens [T][B]; sequence [T][B][width]; features [B][width] */
  readonly value: Value;
  /** [B][width]: the outcome of a sequence that a recurrent layer has just made. */
  readonly outcome?: Value | undefined;
}

/** A layer within a network. */
export interface BuiltLayer {
  readonly output: Spec;
  /** Records the layer's ops; gradients come from the tape. */
  forward(pass: Pass, input: Signal): Signal;
}
