import type { Command } from './command.js';

const options = {
  input: { type: 'string', value: 'FILE', help: 'sequences: .csv, .npy or .npz, as in training' },
  output: { type: 'string', value: 'FILE', help: '.npy or .csv; -: CSV on stdout (default)' },
  raw: { type: 'boolean', help: 'what the model gives, not the probabilities of classes' },
  'batch-size': { type: 'string', value: 'N', help: 'default 500' },
  'allow-stale': { type: 'boolean', help: 'take population statistics of other weights' },
  lengths: { type: 'string', value: 'FILE', help: 'of .npy: steps of each sequence' },
  device: { type: 'string', value: 'D', help: 'auto (default), cpu, ...: see `bnlstm doctor`' },
  threads: { type: 'string', value: 'N', help: 'default: what the machine has' },
  config: { type: 'string', value: 'FILE', help: "default: config.json in the model's folder" },
} as const;

const details = `
The path is a file of a model or the folder of a run, as with \`evaluate\`. For classes the output has
for each sequence (or step) its id, or its number from 0 on, the class and the probability of every class; for reals, the values. An
.npy output has the probabilities, or values, alone: [count][outputs], or [count][steps][outputs].

Examples:
  bnlstm predict runs/pmnist --input x.npy --output probabilities.npy
  bnlstm predict runs/words --input new.csv | sort -t, -k2 -n`;

export const predict: Command<typeof options> = {
  name: 'predict',
  operands: '<path>',
  summary: 'Classes and probabilities for new sequences',
  details,
  options,
  run: async (values, [path]) => {
    const { runPrediction } = await import('./train/predict.js');
    await runPrediction(path, values);
  },
};
