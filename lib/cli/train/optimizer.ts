import {
  adam,
  adamw,
  cosine,
  type LearningRate,
  type Optimizer,
  plateau,
  rmsprop,
  sgd,
  stepDecay,
} from '../../index.js';
import type { RunConfig } from './schema.js';

/** @param total training steps, over which the rate falls if nothing else is said */
function makeRate({ schedule, optimizer }: RunConfig, total: number | undefined): LearningRate {
  const { learningRate } = optimizer;
  switch (schedule.kind) {
    case 'constant':
      return learningRate;
    case 'step':
      return stepDecay({ learningRate, every: schedule.every, factor: schedule.factor });
    case 'cosine': {
      const { warmup, floor, steps = total as number } = schedule;
      return cosine({ learningRate, steps, warmup, floor });
    }
    case 'plateau': {
      const { kind: _, ...options } = schedule;
      return plateau({ learningRate, ...options });
    }
  }
}

/** The optimizer of a configuration. */
export function makeOptimizer(config: RunConfig, total: number | undefined): Optimizer {
  const { kind, ...options } = config.optimizer;
  const settings = { ...options, learningRate: makeRate(config, total) };
  switch (kind) {
    case 'rmsprop':
      return rmsprop(settings);
    case 'adam':
      return adam(settings);
    case 'adamw':
      return adamw(settings);
    case 'sgd':
      return sgd(settings);
  }
}
