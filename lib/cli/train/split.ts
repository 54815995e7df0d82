import { argumentError } from '../../check.js';
import { arrayData, type Batch, type FileSource, sequenceData } from '../../index.js';
import { hostStream, Philox } from '../../random.js';
import type { FileConfig } from './data_schema.js';

type Column = Float32Array | Int32Array;

/** The chosen rows of an array that has `count` of them. */
function rowsOf<T extends Column>(column: T, count: number, rows: Int32Array): T[] {
  const width = column.length / count;
  return Array.from(rows, (row) => column.subarray(row * width, (row + 1) * width) as T);
}

function together<T extends Column>(rows: readonly T[]): T {
  const width = rows[0].length;
  const out = new (rows[0].constructor as new (length: number) => T)(rows.length * width);
  for (const [at, row] of rows.entries()) out.set(row, at * width);
  return out;
}

/** Some of the sequences of a source, which `all` are. */
function part(source: FileSource, all: Batch, rows: Int32Array, data: FileConfig): FileSource {
  const { count, form } = source;
  const { steps, lengths } = all;
  const { features, perStep } = form;
  const chosen = <T extends Column>(column: T): T[] => rowsOf(column, count, rows);
  const inputs = chosen<Column>(all.inputs);
  const targets = all.targets && chosen<Column>(all.targets);
  const mask = all.mask && chosen(all.mask);
  const withForm = <S extends object>(made: S) =>
    Object.assign(made, { form: { ...form, count: rows.length } });
  if (lengths === undefined) {
    return withForm(
      arrayData({
        inputs: together(inputs),
        targets: targets && together(targets),
        mask: mask && together(mask),
        steps,
        features,
      }),
    );
  }
  const cut = <T extends Column>(columns: readonly T[]): T[] =>
    columns.map((column, i) => {
      const perRow = column.length / steps;
      return column.subarray(0, lengths[rows[i]] * perRow) as T;
    });
  const { bucketBatches, stepMultiple } = data;
  return withForm(
    sequenceData({
      inputs: cut(inputs),
      targets: targets && (perStep ? cut(targets) : together(targets)),
      mask: mask && (perStep ? cut(mask) : together(mask)),
      features,
      bucketBatches,
      stepMultiple,
    }),
  );
}

/**
 * Divides sequences at random, the same way for the same seed: what is left for training, and a share
 * for validation.
 * @throws ERR_BNLSTM_ARGUMENT where one of them would be empty
 */
export async function split(
  source: FileSource,
  seed: number,
  data: FileConfig,
): Promise<{ readonly train: FileSource; readonly validation: FileSource }> {
  const { count } = source;
  const held = Math.round(data.validationShare * count);
  if (held === 0 || held === count) {
    const expected = `a share of ${count} sequences, not none and not all`;
    throw argumentError('data.validationShare', expected, `${data.validationShare}`);
  }
  let all: Batch | undefined;
  for await (const batch of source.batches({ batchSize: count, lastBatch: 'keep' })) all = batch;
  const order = new Philox(seed, hostStream.validationSplit).permutation(count);
  // Rows stay in the order of the file.
  const [validation, train] = [order.slice(0, held).sort(), order.slice(held).sort()].map((rows) =>
    part(source, all as Batch, rows, data),
  );
  return { train, validation };
}
