import { argumentError } from '../../check.js';
import type { DataForm } from '../../index.js';
import type { RunConfig } from './schema.js';

/** What a model has to be like for its data. */
export interface Task {
  readonly features?: number | undefined;
  readonly vocabulary?: number | undefined;
  readonly outputs: number;
  readonly loss: 'cross-entropy' | 'mean-squared-error';
  readonly everyStep: boolean;
  readonly steps: number;
}

/**
 * What the training data are like, as far as the configuration does not say. What their values
 * tell is the least that a model needs: it may have more tokens and classes.
 */
export function findTask(given: RunConfig['task'], form: DataForm): Task {
  const { inputs, features, vocabulary, targets, classes, width, perStep } = form;
  if (targets === undefined) throw argumentError('train: data', 'targets', 'none');
  const isClasses = targets === 'classes';
  return {
    ...(inputs === 'tokens'
      ? { vocabulary: given.vocabulary ?? vocabulary }
      : { features: given.features ?? features }),
    outputs: given.outputs ?? (isClasses ? classes : width) ?? 1,
    loss: given.loss ?? (isClasses ? 'cross-entropy' : 'mean-squared-error'),
    everyStep: given.everyStep ?? perStep,
    steps: given.steps ?? form.steps,
  };
}
