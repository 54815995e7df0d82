/**
 * What a training run is made of: the schema of configuration files, of `config.json` in a run's
 * folder, and (as JSON schema) of schema/train.schema.json.
 */
import { z } from 'zod';
import { bnLstmPlans } from '../../ops/bn_lstm.js';
import { recomputeModes } from '../../recompute.js';
import { dataSchema } from './data_schema.js';

const count = z.int().min(1);
const share = z.number().min(0).lt(1);

const layers = {
  hidden: count.default(100).describe('hidden units of each layer'),
  layers: count.default(1).describe('recurrent layers, one above the other'),
  bidirectional: z.boolean().default(false).describe('each layer reads in both directions'),
  embedding: count.optional().describe('width of learned vectors, for token ids'),
  dropout: share.default(0).describe('rate behind each recurrent layer'),
  zoneoutCell: share.default(0).describe('probability of a unit keeping its cell value'),
  zoneoutHidden: share.default(0).describe('probability of a unit keeping its hidden value'),
  forgetBias: z.number().default(1).describe('initial bias of the forget gate'),
  recurrentInit: z
    .enum(['orthogonal', 'identity'])
    .optional()
    .describe(
      'recurrent weights at first; identity: in the block of g, as the paper has it for MNIST (default: identity for MNIST, else orthogonal)',
    ),
  dtype: z.enum(['f32', 'bf16']).default('f32').describe('of the values between layers'),
};

const bnLstm = z.strictObject({
  kind: z.literal('bn-lstm'),
  ...layers,
  gammaInit: z.number().default(0.1).describe('initial value of all gammas'),
  initialNoise: z
    .number()
    .min(0)
    .optional()
    .describe(
      'deviation of noise on the initial hidden state (default: 0.1 for MNIST in scanline order, else 0)',
    ),
  maxSteps: count
    .optional()
    .describe('steps with statistics of their own (default: the longest sequence)'),
  inputStatistics: z
    .enum(['step', 'sequence'])
    .default('step')
    .describe('statistics of the input: of each step, or of all steps together'),
  eps: z.number().gt(0).default(1e-5).describe('added to variances'),
});
const lstm = z.strictObject({ kind: z.literal('lstm'), ...layers });

const moments = {
  beta1: share.default(0.9).describe('decay of the mean of gradients'),
  beta2: share.default(0.999).describe('decay of the mean of squared gradients'),
  eps: z.number().gt(0).default(1e-8),
};
const learningRate = z.number().min(0).default(1e-3);
const optimizer = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('rmsprop'),
    learningRate,
    decay: share.default(0.9).describe('of the mean of squared gradients'),
  }),
  z.strictObject({ kind: z.literal('adam'), learningRate, ...moments }),
  z.strictObject({
    kind: z.literal('adamw'),
    learningRate,
    ...moments,
    weightDecay: z.number().min(0).default(0.01).describe('of weights, not of gammas and biases'),
  }),
  z.strictObject({
    kind: z.literal('sgd'),
    learningRate,
    momentum: share.default(0),
    nesterov: z.boolean().default(false),
  }),
]);

const warmup = z.int().min(0).default(0).describe('steps in which the rate rises');
const floor = z.number().min(0).default(0).describe('what the rate never falls below');
const monitor = z.enum(['loss', 'accuracy']).default('loss').describe('which validation result');
const minDelta = z.number().min(0).default(0).describe('by how much a better result is better');
const patience = count.describe('validations in a row without a better result');
const factor = z.number().gt(0).lt(1);
const schedule = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('constant') }),
  z.strictObject({
    kind: z.literal('step'),
    every: count.describe('steps between one reduction and the next'),
    factor: factor.default(0.1).describe('what the rate is multiplied with each time'),
  }),
  z.strictObject({
    kind: z.literal('cosine'),
    warmup,
    floor,
    steps: count.optional().describe('in which the rate falls (default: all of the training)'),
  }),
  z.strictObject({
    kind: z.literal('plateau'),
    patience: patience.default(5),
    factor: factor.default(0.1).describe('what the rate is multiplied with each time'),
    monitor,
    minDelta,
    warmup,
    floor,
  }),
]);

const training = z.strictObject({
  batchSize: count.default(100),
  iterations: count.optional().describe('training steps; or epochs'),
  epochs: count.optional().describe('times through the data (default: 10)'),
  shuffle: z.boolean().default(true).describe('a new order in every epoch'),
  lastBatch: z
    .enum(['drop', 'keep', 'merge'])
    .default('drop')
    .describe('what happens to a last batch that is smaller'),
  clipNorm: z
    .number()
    .min(0)
    .default(1)
    .describe('all gradients together are scaled down to it; 0: never'),
  accumulate: count.default(1).describe('batches whose gradients make one step'),
  recompute: z
    .union([z.enum(['auto', ...recomputeModes]), count])
    .default('auto')
    .describe('less memory for more time: what backward computes anew, or steps per chunk of it'),
  onNaN: z
    .enum(['throw', 'stop', 'skip'])
    .default('throw')
    .describe('what a step does whose loss is not finite'),
  reportEvery: count.default(1).describe('steps per record of the history'),
});

const validation = z.strictObject({
  every: count.optional().describe('steps (default: after each epoch)'),
  batchSize: count.default(500),
  limit: count.optional().describe('at most so many sequences, the first ones'),
  statistics: z
    .enum(['batch', 'population'])
    .default('batch')
    .describe('what to normalise with: those of each batch, or estimated anew each time'),
});

const task = z
  .strictObject({
    features: count.optional().describe('reals per step'),
    vocabulary: count.optional().describe('token ids there are'),
    outputs: count.optional().describe('classes, or reals of a target'),
    loss: z.enum(['cross-entropy', 'mean-squared-error']).optional(),
    everyStep: z.boolean().optional().describe('every step has a target, not the whole sequence'),
    steps: count.optional().describe('of the longest sequence'),
  })
  .describe('what the data are like; what is missing is found in the training data');

/** A whole run. */
export const runSchema = z.strictObject({
  $schema: z.string().optional(),
  data: dataSchema,
  task: task.prefault({}),
  model: z.discriminatedUnion('kind', [bnLstm, lstm]).prefault({ kind: 'bn-lstm' }),
  optimizer: optimizer.prefault({ kind: 'rmsprop' }),
  schedule: schedule.prefault({ kind: 'constant' }),
  training: training.prefault({}),
  validation: validation.prefault({}),
  earlyStopping: z
    .strictObject({ patience, monitor, minDelta })
    .optional()
    .describe('ends training when validations get no better'),
  checkpoint: z
    .strictObject({
      every: count.optional().describe('steps (default: after each epoch)'),
      keep: count.default(3).describe('how many stay'),
    })
    .prefault({}),
  statistics: z
    .strictObject({
      batchSize: count.default(500),
      limit: count.optional().describe('at most so many training sequences (default: all)'),
    })
    .prefault({})
    .describe('population statistics, estimated at the end'),
  seed: z.int().min(0).default(1).describe('of weights, order and noise'),
  device: z.string().min(1).default('auto').describe('auto, cpu, cuda, …: see `bnlstm doctor`'),
  plan: z.enum(bnLstmPlans).default('auto').describe('how a GPU computes recurrent layers'),
  threads: count.max(1024).optional().describe('of the CPU (default: what the machine has)'),
});

/** As it is written in a file: what has a default may be missing. */
export type RunInput = z.input<typeof runSchema>;
/** With all defaults. */
export type RunConfig = z.output<typeof runSchema>;
