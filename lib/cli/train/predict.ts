import { once } from 'node:events';
import { argumentError, oneOf } from '../../check.js';
import type { Batch, Model } from '../../index.js';
import { replaceFile } from '../../io/atomic.js';
import { withCsv } from '../../io/csv.js';
import { integerOption } from '../command.js';
import { openInputs } from './data.js';
import type { FlagValues } from './flags.js';
import { writeNpy } from './npy_file.js';
import { openSavedRun } from './saved_run.js';
import type { RunConfig } from './schema.js';

/** What the model gives for one sequence, or for one step of it. */
interface Row {
  /** Counted from 0, in the order of the file. */
  readonly sequence: number;
  /** Counted from 0; absent where the sequence has one output. */
  readonly step: number | undefined;
  readonly values: Float32Array;
}

/** In place. */
function softmax(values: Float32Array): void {
  const max = values.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i] = Math.exp(values[i] - max);
  for (let i = 0; i < values.length; i++) values[i] /= sum;
}

function* rowsOf(
  { outputs, shape }: { readonly outputs: Float32Array; readonly shape: readonly number[] },
  { lengths }: Batch,
  first: number,
): Generator<Row> {
  const [size, steps, width] = shape.length === 3 ? shape : [shape[0], 1, shape[1]];
  for (let row = 0; row < size; row++) {
    const end = shape.length === 3 ? (lengths?.[row] ?? steps) : 1;
    for (let step = 0; step < end; step++) {
      const at = (row * steps + step) * width;
      const values = outputs.slice(at, at + width);
      yield { sequence: first + row, step: shape.length === 3 ? step : undefined, values };
    }
  }
}

function csvHeader({ step, values }: Row, classes: boolean): string {
  const names = Array.from(values, (_, i) => `${classes ? 'p' : 'y'}${i}`);
  return [
    'sequence',
    ...(step === undefined ? [] : ['step']),
    ...(classes ? ['class'] : []),
    ...names,
  ].join();
}

/** What is written for numbers, where there are names. */
interface Names {
  /** Of the sequences, in their order. */
  readonly sequences?: readonly string[] | undefined;
  readonly classes?: readonly string[] | undefined;
}

function cell(name: string): string {
  return /[",\r\n]/.test(name) ? `"${name.replaceAll('"', '""')}"` : name;
}

function csvLine({ sequence, step, values }: Row, classes: boolean, names: Names): string {
  const best = values.indexOf(values.reduce((a, b) => Math.max(a, b)));
  const numbers = Array.from(values, (value) => Number(value.toPrecision(7))); // all that f32 has
  return [
    cell(names.sequences?.[sequence] ?? `${sequence}`),
    ...(step === undefined ? [] : [step]),
    ...(classes ? [cell(names.classes?.[best] ?? `${best}`)] : []),
    ...numbers,
  ].join();
}

async function writeCsvTo(output: string, lines: AsyncIterable<string>): Promise<void> {
  if (output === '-') {
    for await (const line of lines) {
      if (!process.stdout.write(`${line}\n`)) await once(process.stdout, 'drain');
    }
    return;
  }
  const chunks: Uint8Array[] = [];
  for await (const line of lines) chunks.push(Buffer.from(`${line}\n`));
  await replaceFile(output, chunks);
}

async function writeNpyTo(output: string, rows: AsyncIterable<Row>): Promise<void> {
  const all: Row[] = [];
  for await (const row of rows) all.push(row);
  const width = all[0]?.values.length ?? 0;
  const sequences = (all.at(-1)?.sequence ?? -1) + 1;
  const steps = all.length / sequences;
  const uneven = all.some(({ step = 0 }, i) => step !== i % steps);
  if (uneven) {
    throw argumentError('--output', '.csv, as sequences are of different length', output);
  }
  const data = new Float32Array(all.length * width);
  for (const [i, { values }] of all.entries()) data.set(values, i * width);
  const shape = all[0]?.step === undefined ? [sequences, width] : [sequences, steps, width];
  await writeNpy(output, shape, data);
}

async function* predictAll(
  model: Model,
  batches: Iterable<Batch> | AsyncIterable<Batch>,
  { classes, allowStale }: { readonly classes: boolean; readonly allowStale: boolean },
): AsyncGenerator<Row> {
  let first = 0;
  for await (const batch of batches) {
    const prediction = await model.predict(batch, { allowStale });
    for (const row of rowsOf(prediction, batch, first)) {
      if (classes) softmax(row.values);
      yield row;
    }
    first += batch.size;
  }
}

async function* csvLines(
  rows: AsyncIterable<Row>,
  classes: boolean,
  names: Names,
): AsyncGenerator<string> {
  let first = true;
  for await (const row of rows) {
    if (first) yield csvHeader(row, classes);
    first = false;
    yield csvLine(row, classes, names);
  }
}

async function* counted<T>(items: AsyncIterable<T>, onItem: () => void): AsyncGenerator<T> {
  for await (const item of items) {
    onItem();
    yield item;
  }
}

/** The names of the classes, and those that tell sequences apart in the table. */
async function namesOf(input: string, config: RunConfig | undefined): Promise<Names> {
  if (config?.data.kind !== 'csv') return {};
  const { classes, sequence, delimiter, header } = config.data;
  if (sequence === undefined || !input.endsWith('.csv')) return { classes };
  const sequences: string[] = [];
  await withCsv(input, { delimiter, header }, 'predict', async (csv) => {
    const place = csv.place(sequence, '--sequence');
    for await (const records of csv.records) {
      for (const { cells } of records) {
        const id = cells[place].trim();
        if (id !== sequences.at(-1)) sequences.push(id);
      }
    }
  });
  return { classes, sequences };
}

/** `bnlstm predict` */
export async function runPrediction(path: string, values: FlagValues): Promise<void> {
  const text = values as Readonly<Record<string, string | undefined>>;
  const { input } = text;
  if (input === undefined) throw argumentError('--input', 'a file of sequences', 'none');
  const output = text.output ?? '-';
  if (output !== '-') oneOf(output.slice(output.lastIndexOf('.')), '--output', ['.npy', '.csv']);
  const batchSize = integerOption(text['batch-size'], 'batch-size', { min: 1 }) ?? 500;
  const { config, model } = await openSavedRun(path, values);
  try {
    const data = await openInputs(input, config, text.lengths);
    const classes = !values.raw && config?.task.loss !== 'mean-squared-error';
    let count = 0;
    const rows = counted(
      predictAll(model, data.batches({ batchSize, lastBatch: 'keep' }), {
        classes,
        allowStale: values['allow-stale'] === true,
      }),
      () => count++,
    );
    if (output.endsWith('.npy')) await writeNpyTo(output, rows);
    else await writeCsvTo(output, csvLines(rows, classes, await namesOf(input, config)));
    if (output !== '-') console.error(`${count.toLocaleString('en')} rows in ${output}`);
  } finally {
    await model.dispose();
  }
}
