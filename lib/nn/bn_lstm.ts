import * as check from '../check.js';
import type { InputStatistics } from '../ops/statistics.js';
import { type RecurrentOptions, recurrentOptionNames, recurrentSettings } from './lstm.js';
import { RecurrentLayer } from './recurrent.js';

export interface BnLstmOptions extends RecurrentOptions {
  /**
   * Steps that have statistics of their own. Population statistics of step `maxSteps` are used for
   * every later one. The longest sequence that is trained on is the right choice.
   */
  readonly maxSteps: number;
  /**
   * Statistics of the input product per step, or one mean and variance over all steps of a batch,
   * padding left out (the paper's BN-e*, for sequences of very different length). Default 'step'.
   */
  readonly inputStatistics?: InputStatistics | undefined;
  /**
   * With `lengths`: statistics over the rows that still run, or over all rows, where padding counts
   * as data and must be finite (the authors' Attentive Reader). Default 'valid'.
   */
  readonly lengthStatistics?: 'valid' | 'all' | undefined;
  /** Added to variances, inside the root. Default 1e-5. */
  readonly eps?: number | undefined;
  /** Initial value of all gammas. Default 0.1: from 1 a net learns much slower (docs/paper.md §2). */
  readonly gammaInit?: number | undefined;
  /**
   * Standard deviation of Gaussian noise on the initial hidden state, wherever batch statistics are
   * used. 0.1 is the cure for sequences that begin alike, as the black borders of MNIST in scanline
   * order do: without it their zero variance makes gradients explode. Default 0.
   */
  readonly initialNoise?: number | undefined;
  /**
   * Keeps moving statistics during training, for `evaluate({ statistics: 'moving' })`:
   * new = statDecay · old + (1 − statDecay) · batch. For monitoring only; default: none.
   */
  readonly statDecay?: number | undefined;
}

/** The smallest normal number of float32, in which it is added. */
const smallestEps = 2 ** -126;

const optionNames = [
  ...recurrentOptionNames,
  'maxSteps',
  'inputStatistics',
  'lengthStatistics',
  'eps',
  'gammaInit',
  'initialNoise',
  'statDecay',
];

/**
 * The batch-normalised LSTM (Cooijmans et al. 2016, eq. 6-8): sequences [B][T][D] or token ids
 * [B][T] in, sequences [B][T][hidden] out. Its parameters are `wx` [D][4H], `wh` [H][4H], `b` [4H],
 * `gamma_x` and `gamma_h` [4H], `gamma_c` and `beta_c` [H], `h0` and `c0` [H], gate blocks in the
 * paper's order f, i, o, g.
 * @throws ERR_BNLSTM_ARGUMENT
 */
export function bnLstm(options: BnLstmOptions): RecurrentLayer {
  options = check.options(options, 'bnLstm', optionNames);
  const name = (option: string) => `bnLstm: ${option}`;
  const { inputStatistics = 'step', lengthStatistics = 'valid', statDecay } = options;
  const normalisation = {
    maxSteps: check.integer(options.maxSteps, name('maxSteps'), { min: 1 }),
    inputStatistics: check.oneOf(inputStatistics, name('inputStatistics'), ['step', 'sequence']),
    lengthStatistics: check.oneOf(lengthStatistics, name('lengthStatistics'), ['valid', 'all']),
    eps: check.number(options.eps ?? 1e-5, name('eps'), { min: smallestEps }),
    gammaInit: check.number(options.gammaInit ?? 0.1, name('gammaInit')),
    initialNoise: check.number(options.initialNoise ?? 0, name('initialNoise'), { min: 0 }),
    statDecay:
      statDecay === undefined
        ? undefined
        : check.number(statDecay, name('statDecay'), { min: 0, below: 1 }),
  };
  const settings = recurrentSettings(options, 'bnLstm');
  return new RecurrentLayer(
    { kind: 'bnLstm', options: { ...settings, ...normalisation } },
    { ...settings, cellBias: true, normalisation },
    1,
  );
}
