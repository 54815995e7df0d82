// Shapes and options of bnLstm that tell its ways through the kernels apart.
import type { CaseShape } from './random_case.js';

// Where few values are normalised the true gradient cancels; eps 0.1 keeps f32 in the picture.
const cancelling = { eps: 0.1 };

export const bnLstmShapes: Record<string, CaseShape> = {
  plain: { T: 7, B: 9, D: 5, H: 6 },
  'B = 2': { T: 5, B: 2, D: 4, H: 5, options: cancelling },
  'B = 3': { T: 5, B: 3, D: 4, H: 5, options: cancelling },
  'B = 33': { T: 6, B: 33, D: 7, H: 11 },
  'B = 257': { T: 4, B: 257, D: 3, H: 10 },
  'H = 1': { T: 6, B: 17, D: 3, H: 1, options: cancelling },
  'D = 1': { T: 6, B: 17, D: 1, H: 8, options: cancelling },
  'T = 1': { T: 1, B: 12, D: 4, H: 7 },
  'H beyond a panel, D beyond a vector': { T: 3, B: 24, D: 19, H: 13 },
  '100 steps': { T: 100, B: 16, D: 3, H: 8, options: { eps: 1e-2 } },
  tokens: { T: 6, B: 20, D: 9, H: 6, tokens: true },
  'learned initial state': {
    ...{ T: 4, B: 10, D: 3, H: 5 },
    options: { initialState: 'learned', ...cancelling },
  },
  'learned initial state with noise': {
    ...{ T: 4, B: 10, D: 3, H: 5, attempt: 9 },
    options: { initialState: 'learned', noise: 0.3 },
  },
  'last step only': { T: 5, B: 10, D: 3, H: 5, upstream: ['dhT'] },
  'last cell only': { T: 5, B: 10, D: 3, H: 5, upstream: ['dcT'] },
  'all steps only': { T: 5, B: 10, D: 3, H: 5, upstream: ['dy'] },
  'sequence statistics': { T: 5, B: 10, D: 3, H: 5, options: { inputStatistics: 'sequence' } },
  'two directions': { T: 6, B: 12, D: 4, H: 6, options: { directions: 2 } },
  noise: { T: 4, B: 12, D: 3, H: 6, attempt: 3, options: { noise: 0.1 } },
  'zoneout, sampled': {
    ...{ T: 5, B: 16, D: 3, H: 6, attempt: 5 },
    options: { zoneout: 'sample', zoneoutC: 0.4, zoneoutH: 0.3 },
  },
  'zoneout, expected': { T: 5, B: 16, D: 3, H: 6, options: { zoneoutC: 0.4, zoneoutH: 0.3 } },
  'plain LSTM': { T: 6, B: 9, D: 5, H: 6, options: { norm: 'none' } },
  'plain LSTM, cell bias': { T: 6, B: 9, D: 5, H: 6, cellBias: true, options: { norm: 'none' } },
  'plain LSTM, B = 1': { T: 6, B: 1, D: 5, H: 6, options: { norm: 'none' } },
  population: { T: 5, B: 9, D: 4, H: 6, population: 5 },
  'population, B = 1': { T: 5, B: 1, D: 4, H: 6, population: 5 },
  'population beyond the table': { T: 7, B: 9, D: 4, H: 6, population: 3 },
  'population, rows at different steps': {
    ...{ T: 5, B: 9, D: 4, H: 6, population: 6 },
    firstStep: [0, 1, 2, 3, 4, 5, 6, 100, 2],
  },
  'population, all rows at step 3': {
    ...{ T: 5, B: 4, D: 4, H: 6, population: 6, firstStep: [3, 3, 3, 3] },
  },
};

export const lengths = [6, 1, 4, 6, 0, 5, 3, 6, 4, 3, 6, 2];
export const eventful: CaseShape = { T: 6, B: 12, D: 4, H: 6, lengths };
for (const lengthStatistics of ['valid', 'all'] as const) {
  for (const inputStatistics of ['step', 'sequence'] as const) {
    for (const directions of [1, 2]) {
      const name = `lengths, ${lengthStatistics}, ${inputStatistics}, ${directions} direction(s)`;
      const options = { lengthStatistics, inputStatistics, directions };
      bnLstmShapes[name] = { ...eventful, options };
      bnLstmShapes[`${name}, tokens and zoneout`] = {
        ...eventful,
        tokens: true,
        options: { ...options, zoneout: 'sample', zoneoutC: 0.2, zoneoutH: 0.2 },
      };
      bnLstmShapes[`${name}, population by row`] = {
        ...eventful,
        population: 4,
        firstStep: lengths,
        options,
      };
    }
  }
}
bnLstmShapes['lengths, one row runs on'] = {
  ...{ T: 6, B: 5, D: 3, H: 4, lengths: [2, 6, 2, 1, 3], options: cancelling },
};
bnLstmShapes['lengths, plain LSTM, two directions'] = {
  ...eventful,
  options: { norm: 'none', directions: 2 },
};
