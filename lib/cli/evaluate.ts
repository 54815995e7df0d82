import type { Command } from './command.js';
import { dataFlags } from './train/flags.js';

const options = {
  set: {
    type: 'string',
    value: 'SET',
    help: 'test (default, if there is one), validation or train',
  },
  'batch-size': { type: 'string', value: 'N', help: 'default 500' },
  limit: { type: 'string', value: 'N', help: 'the first N sequences only' },
  statistics: {
    type: 'string',
    value: 'S',
    help: 'population (default), or batch: those of each batch',
  },
  estimate: { type: 'boolean', help: 'estimate population statistics from training data first' },
  'allow-stale': { type: 'boolean', help: 'take those of other weights' },
  device: { type: 'string', value: 'D', help: 'auto (default), cpu, ...: see `bnlstm doctor`' },
  threads: { type: 'string', value: 'N', help: 'default: what the machine has' },
  json: { type: 'boolean', help: 'print JSON' },
  config: { type: 'string', value: 'FILE', help: "default: config.json in the model's folder" },
  data: {
    type: 'string',
    value: 'KIND',
    help: 'mnist, csv or npy, where there is no configuration',
  },
  ...dataFlags,
} as const;

const details = `
The path is a file of a model, or the folder of a run: its model.safetensors, else best.safetensors,
else the last checkpoint. The data are those of the run's config.json unless told otherwise.

Examples:
  bnlstm evaluate runs/pmnist
  bnlstm evaluate runs/pmnist/best.safetensors --set validation --estimate
  bnlstm evaluate model.safetensors --data npy --inputs x.npy --targets y.npy --set train`;

export const evaluate: Command<typeof options> = {
  name: 'evaluate',
  operands: '<path>',
  summary: 'Loss and accuracy of a trained model on data',
  details,
  options,
  run: async (values, [path]) => {
    const { runEvaluation } = await import('./train/evaluate.js');
    await runEvaluation(path, values);
  },
};
