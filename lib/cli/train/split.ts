import { argumentError } from '../../check.js';
import { type FileSource, fileSource } from '../../data/file_source.js';
import type { Batch } from '../../index.js';
import { hostStream, Philox } from '../../random.js';
import type { DataOptions } from './data_schema.js';

type Column = Float32Array | Int32Array;

/** The chosen rows of an array that has `count` of them. */
function take<T extends Column>(column: T, count: number, rows: Int32Array): T {
  const width = column.length / count;
  const out = new (column.constructor as new (length: number) => T)(rows.length * width);
  for (const [to, from] of rows.entries()) {
    out.set(column.subarray(from * width, (from + 1) * width), to * width);
  }
  return out;
}

/**
 * Divides sequences at random, the same way for the same seed: what is left for training, and a share
 * for validation.
 * @throws ERR_BNLSTM_ARGUMENT where one of them would be empty
 */
export async function split(
  source: FileSource,
  { share, seed, bucket }: { readonly share: number; readonly seed: number; readonly bucket: DataOptions },
): Promise<{ readonly train: FileSource; readonly validation: FileSource }> {
  const { count, form } = source;
  const held = Math.round(share * count);
  if (held === 0 || held === count) {
    throw argumentError('data.validationShare', `a share of ${count} sequences, not all`, `${share}`);
  }
  let all: Batch | undefined;
  for await (const batch of source.batches({ batchSize: count, lastBatch: 'keep' })) all = batch;
  const { inputs, steps, targets, lengths, mask } = all as Batch;
  const part = (rows: Int32Array) =>
    fileSource(
      {
        inputs: take<Column>(inputs, count, rows),
        steps,
        features: form.features,
        targets: targets && take<Column>(targets, count, rows),
        perStep: form.perStep,
        lengths: lengths && take(lengths, count, rows),
        mask: mask && take(mask, count, rows),
      },
      bucket,
    );
  const order = new Philox(seed, hostStream.validationSplit).permutation(count);
  // Rows stay in the order of the file.
  return { train: part(order.slice(held).sort()), validation: part(order.slice(0, held).sort()) };
}
