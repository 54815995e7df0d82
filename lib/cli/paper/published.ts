/**
 * Numbers of the paper that the experiments are laid beside (docs/paper.md §4). Those of figures were
 * read off its curves. Columns of permuted MNIST are those of the authors' index vector.
 */

/** Validation accuracy on MNIST, with batch statistics and the noise on h0, on one run each. */
export const mnistCurves = [
  { iteration: 1_000, lstm: 0.111, bnLstm: 0.757, permutedLstm: 0.477, permutedBnLstm: 0.656 },
  { iteration: 5_000, lstm: 0.293, bnLstm: 0.914, permutedLstm: 0.654, permutedBnLstm: 0.847 },
  { iteration: 10_000, lstm: 0.146, bnLstm: 0.957, permutedLstm: 0.776, permutedBnLstm: 0.894 },
  { iteration: 20_000, lstm: 0.429, bnLstm: 0.979, permutedLstm: 0.868, permutedBnLstm: 0.921 },
  { iteration: 50_000, lstm: 0.977, bnLstm: 0.984, permutedLstm: 0.9, permutedBnLstm: 0.937 },
  { iteration: 100_000, lstm: 0.988, bnLstm: 0.989, permutedLstm: 0.902, permutedBnLstm: 0.944 },
] as const;

/** Test accuracy in percent after 100,000 iterations (table 1), with population statistics. */
export const mnistTest = {
  lstm: 98.9,
  bnLstm: 99.0,
  permutedLstm: 90.2,
  permutedBnLstm: 95.4,
} as const;

/** Appendix B: validation cross-entropy on permuted MNIST at these iterations, by initial gamma. */
export const gammaCurves = {
  iterations: [5_000, 10_000, 20_000, 50_000],
  losses: {
    '0.1': [0.48, 0.341, 0.254, 0.212],
    '0.3': [0.625, 0.415, 0.297, 0.232],
    '0.5': [0.824, 0.55, 0.393, 0.274],
    '0.7': [2.05, 1.19, 0.585, 0.311],
    '1': [2.19, 2.26, 2.12, 0.465],
  },
} as const;

/**
 * Figure 1a: log10 of the norm of the gradient with respect to h_t of a BN-RNN on MNIST, at
 * initialisation, by gamma. Where the figure's curve has left its axis there is null.
 */
export const gradientNorms = {
  steps: [783, 700, 500, 300, 0],
  norms: {
    '0.1': [-2, -2.6, -3.0, -3.1, 0.2],
    '0.2': [-2, -2.6, -2.8, -2.9, -1.5],
    '0.3': [-2, -2.6, -1.7, -1.6, -1.9],
    '0.4': [-2, -2.7, -3.0, -3.3, -3.7],
    '0.5': [-2, -2.7, -3.4, -3.6, -9.0],
    '0.6': [-2, -3.8, -8.3, -11.6, -21],
    '0.7': [-2, -7.3, -17.6, null, null],
    '0.8': [-2, -12.7, null, null, null],
    '0.9': [-2, -15.1, null, null, null],
    '1': [-2, -18.4, null, null, null],
  },
} as const;

/**
 * Appendix A (Penn Treebank): range over the four statistics of the distance from the last step,
 * relative to that of the first, at these steps counted from 1.
 */
export const settlingRanges = [
  { step: 2, from: 0.44, to: 0.63 },
  { step: 3, from: 0.24, to: 0.46 },
  { step: 6, from: 0.08, to: 0.14 },
  { step: 11, from: 0.02, to: 0.05 },
  { step: 16, from: 0, to: 0.02 },
  { step: 21, from: 0, to: 0.01 },
] as const;
