import * as check from '../check.js';
import { adam as adamOp } from '../ops/adam.js';
import { type AdamOptions, adamKeys, checkAdam } from './adam.js';
import { Optimizer } from './optimizer.js';

export interface AdamwOptions extends Omit<AdamOptions, 'eps'> {
  /** Added to the root of the bias-corrected second moment. Default 1e-8. */
  readonly eps?: number | undefined;
  /** Of weights and tables, not of gammas, betas, biases and initial states. Default 0.01. */
  readonly weightDecay?: number | undefined;
}

/**
 * AdamW (Loshchilov & Hutter 2019) with PyTorch's numbers:
 * w −= learningRate · (m̂ / (√v̂ + eps) + weightDecay · w), m̂ = m / (1 − beta1ᵗ) and
 * v̂ = v / (1 − beta2ᵗ), t counting applied steps. Decay is of what multiplies activations: `wx`,
 * `wh`, the `w` of linear layers and the `table` of embeddings. Unlike `adam`, eps is added after
 * bias correction.
 * @throws ERR_BNLSTM_ARGUMENT
 */
export function adamw(options: AdamwOptions): Optimizer {
  options = check.options(options, 'adamw', [...adamKeys, 'weightDecay']);
  const { learningRate, ...moments } = checkAdam(options, 'adamw');
  const decay = options.weightDecay ?? 0.01;
  return new Optimizer({
    kind: 'adamw',
    learningRate,
    slots: 2,
    weightDecay: check.number(decay, 'adamw: weightDecay', { min: 0 }),
    options: moments,
    record: (graph, step, [m, v]) =>
      adamOp(graph, { ...step, m, v, ...moments, epsAfterCorrection: true }),
  });
}
