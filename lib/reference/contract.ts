/**
 * The contract of the bnLstm op: one direction of a batch-normalised LSTM over a whole sequence
 * (Cooijmans et al. 2016, eq. 6-8). G = 4H everywhere; gate blocks in the paper's order f, i, o, g.
 */

export interface BnLstmParameters {
  /** [D][4H] */ wx: Float64Array;
  /** [H][4H] */ wh: Float64Array;
  /** [4H]; the only bias of the preactivation: beta_x = beta_h = 0 and are no parameters. */
  b: Float64Array;
  /** [4H] */ gammaX: Float64Array;
  /** [4H] */ gammaH: Float64Array;
  /** [H] */ gammaC: Float64Array;
  /** [H] */ betaC: Float64Array;
}

/** What `norm: 'none'` needs: the gammas do not take part, and betaC may be absent (zero). */
export type LstmParameters = Pick<BnLstmParameters, 'wx' | 'wh' | 'b'> & Partial<BnLstmParameters>;

/** Mean and biased variance per time step: [S][4H], cell [S][H]; input [1][4H] for 'sequence'. */
export interface Statistics {
  recurrentMean: Float64Array;
  recurrentVar: Float64Array;
  inputMean: Float64Array;
  inputVar: Float64Array;
  cellMean: Float64Array;
  cellVar: Float64Array;
}

export const statisticNames = [
  'recurrentMean',
  'recurrentVar',
  'inputMean',
  'inputVar',
  'cellMean',
  'cellVar',
] as const satisfies readonly (keyof Statistics)[];

/** A sampled mask [T][B][H] by step (1 = keep the previous value), or its expectation. */
export type Zoneout = { mask: Float64Array } | { rate: number };

export interface BnLstmOptions {
  T: number;
  B: number;
  /** Input size; with tokens, the size of the vocabulary. */
  D: number;
  H: number;
  /** 'none': the plain LSTM, p = a + x·wx + b and h = o tanh(c + betaC). */
  norm?: 'batch' | 'none';
  statistics?: 'batch' | 'population';
  population?: Statistics;
  /** [B], with population statistics: step s of row n uses table row min(firstStep[n] + s, S-1). */
  firstStep?: ArrayLike<number>;
  /** Added to the variance, inside the root. Default 1e-5. */
  eps?: number;
  /** [B], right padding: from step lengths[n] on, row n keeps h and c. */
  lengths?: ArrayLike<number>;
  /** Which rows the statistics are taken over: those still running (default), or all of them. */
  lengthStatistics?: 'valid' | 'all';
  /** 'sequence' (BN-e*): one mean and variance over all unpadded (step, row), whatever the above. */
  inputStatistics?: 'step' | 'sequence';
  /** Runs backwards over the unpadded part; y and c are realigned with x, statistics are by step. */
  reverse?: boolean;
  zoneoutC?: Zoneout;
  zoneoutH?: Zoneout;
  /**
   * What a value becomes where the bf16 op rounds it (rounding.ts says where), x, dy and dhT apart,
   * which come rounded. Default: the identity.
   */
  round?: (value: number) => number;
}

export interface BnLstmGradients extends BnLstmParameters {
  /** [T][B][D]; absent for tokens. */
  x?: Float64Array;
  /** [B][H], per row. */ h0Rows: Float64Array;
  /** [B][H], per row. */ c0Rows: Float64Array;
  /** [H], summed over the rows: the gradient of the learned vector. */ h0: Float64Array;
  /** [H] */ c0: Float64Array;
}

/** The neutral values that make eq. 6-8 the plain LSTM, once BN is the identity. */
export function completeParameters(p: LstmParameters, options: BnLstmOptions): BnLstmParameters {
  const { H, norm = 'batch' } = options;
  const ones = (size: number) => new Float64Array(size).fill(1);
  if (norm === 'none')
    return {
      ...p,
      gammaX: ones(4 * H),
      gammaH: ones(4 * H),
      gammaC: ones(H),
      betaC: p.betaC ?? new Float64Array(H),
    };
  const { gammaX, gammaH, gammaC, betaC } = p;
  if (!gammaX || !gammaH || !gammaC || !betaC)
    throw new Error('norm "batch" needs gammaX, gammaH, gammaC and betaC');
  return { ...p, gammaX, gammaH, gammaC, betaC };
}
