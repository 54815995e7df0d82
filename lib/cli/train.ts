import { argumentError, show } from '../check.js';
import type { Command } from './command.js';
import { type FlagValues, trainFlags } from './train/flags.js';

const options = {
  out: {
    type: 'string',
    value: 'DIR',
    help: 'the folder of the run (default: runs/KIND-TIME)',
  },
  resume: { type: 'string', value: 'DIR', help: 'go on with the run of that folder' },
  config: { type: 'string', value: 'FILE', help: 'a configuration; flags win over it' },
  json: { type: 'boolean', help: 'print records as JSON lines, and nothing else, on stdout' },
  ...trainFlags,
} as const;

const details = `
Examples:
  bnlstm train mnist --order permuted --epochs 20 --out runs/pmnist
  bnlstm train csv train.csv --validation-share 0.1 --sequence id --target label
  bnlstm train npy --inputs x.npy --targets y.npy --hidden 64 --layers 2 --patience 5
  bnlstm train --config run.json --seed 2
  bnlstm train --resume runs/pmnist --epochs 30

The folder of a run gets config.json (all that was chosen, with defaults), history.jsonl (a record per
line), checkpoints, best.safetensors, model.safetensors at the end, and report.html to look at.
At the end come the population statistics, from one pass over the training data, or over the first N
sequences with --statistics-limit N.

Ctrl+C finishes the step, saves, and says how to go on; a second one ends at once. With --resume only
--iterations, --epochs and --threads may be given: the rest is that of the run.

Exit codes: 0 the training has ended; 1 an error, told in one line; 130 interrupted by Ctrl+C,
143 by SIGTERM, 129 by a closed terminal, 141 by a closed pipe (saved, unless it came twice).`;

/** A file behind the kind is that of `--train`. */
function withFile(values: FlagValues, file: string | undefined): FlagValues {
  if (file === undefined) return values;
  if (values.train === undefined) return { ...values, train: file };
  throw argumentError('--train', 'none beside the file behind the kind', show(values.train));
}

export const train: Command<typeof options> = {
  name: 'train',
  operands: '[kind] [file]',
  summary: 'Train a model on mnist, csv or npy data',
  details,
  options,
  run: async (values, [kind, file]) => {
    const { runTraining } = await import('./train/run.js');
    await runTraining(kind, withFile(values, file));
  },
};
