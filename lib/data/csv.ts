import * as check from '../check.js';
import { dataError } from '../io/bytes.js';
import {
  type CsvColumn,
  type CsvFormat,
  type CsvReader,
  csvFormatNames,
  withCsv,
} from '../io/csv.js';
import type { CsvRecord } from '../io/csv_records.js';
import { Growing } from '../io/growing.js';
import {
  type BucketOptions,
  bucketOptionNames,
  checkBucketOptions,
  type FileSource,
  fileSource,
  type TargetKind,
  targetKinds,
} from './file_source.js';

export interface CsvDataOptions extends CsvFormat, BucketOptions {
  /** Column of the target, or columns of real targets. Default: none, for data to predict. */
  readonly targets?: CsvColumn | readonly CsvColumn[] | undefined;
  /** Default 'classes'. */
  readonly targetKind?: TargetKind | undefined;
  /** The names of the classes 0, 1, …, where the column has names. */
  readonly classes?: readonly string[] | undefined;
  /** Columns of the inputs, in their order. Default: all others, in the order of the file. */
  readonly inputs?: readonly CsvColumn[] | undefined;
  /** Inputs are token ids, not reals. Default false. */
  readonly tokens?: boolean | undefined;
  /** What real inputs are multiplied by. Default 1. */
  readonly scale?: number | undefined;
  /** One sequence per line: reals per step, which stand together. Default 1. */
  readonly features?: number | undefined;
  /** One step per line: the column that tells sequences apart. Those of a sequence stand together. */
  readonly sequence?: CsvColumn | undefined;
  /** One step per line: a column of numbers that rise within each sequence. */
  readonly time?: CsvColumn | undefined;
  /** One step per line: each step has its target. Default false: its sequence has one. */
  readonly perStep?: boolean | undefined;
}

const optionNames = [
  ...csvFormatNames,
  'targets',
  'targetKind',
  'classes',
  'inputs',
  'tokens',
  'scale',
  'features',
  'sequence',
  'time',
  'perStep',
  ...bucketOptionNames,
];

const longOptions = ['time', 'perStep', ...bucketOptionNames] as const;

function checkOptions(options: CsvDataOptions) {
  options = check.options(options, 'csvData', optionNames);
  const name = (option: string) => `csvData: ${option}`;
  const { targets, sequence, features, classes, targetKind = 'classes', inputs } = options;
  check.oneOf(targetKind, name('targetKind'), targetKinds);
  const isList = Array.isArray(classes) && classes.every((name) => typeof name === 'string');
  if (classes !== undefined && !(isList && targetKind === 'classes')) {
    throw check.argumentError(name('classes'), 'names of classes', check.show(classes));
  }
  if (inputs !== undefined && !Array.isArray(inputs)) {
    throw check.argumentError(name('inputs'), 'an array of columns', check.show(inputs));
  }
  if (Array.isArray(targets) && targetKind === 'classes') {
    throw check.argumentError(name('targets'), 'one column of classes', check.show(targets));
  }
  if (sequence !== undefined && features !== undefined) {
    const expected = 'none with sequence: the columns of inputs are the features';
    throw check.argumentError(name('features'), expected, check.show(features));
  }
  const bucket = checkBucketOptions(options, 'csvData', sequence !== undefined);
  for (const option of longOptions) {
    if (sequence !== undefined || options[option] === undefined) continue;
    const got = check.show(options[option]);
    throw check.argumentError(name(option), 'none without the option sequence', got);
  }
  return {
    ...options,
    targets: targets === undefined ? [] : Array.isArray(targets) ? targets : [targets],
    targetKind,
    tokens: check.boolean(options.tokens ?? false, name('tokens')),
    scale: check.number(options.scale ?? 1, name('scale')),
    features: check.integer(features ?? 1, name('features'), { min: 1 }),
    perStep: check.boolean(options.perStep ?? false, name('perStep')),
    bucket,
  };
}

type Checked = ReturnType<typeof checkOptions>;

/** Reads the cells of inputs and targets. */
class Cells {
  readonly csv: CsvReader;
  readonly inputs: readonly number[];
  readonly targets: readonly number[];
  readonly sequence: number | undefined;
  readonly time: number | undefined;
  readonly #options: Checked;
  readonly #classes: ReadonlyMap<string, number> | undefined;

  constructor(csv: CsvReader, options: Checked) {
    this.csv = csv;
    this.#options = options;
    const { classes, targets, sequence, time } = options;
    this.#classes = classes && new Map(classes.map((name, index) => [name, index]));
    const place = (column: CsvColumn | undefined, option: string) =>
      column === undefined ? undefined : csv.place(column, `csvData: ${option}`);
    const places = (columns: readonly CsvColumn[], option: string) =>
      columns.map((column, i) => csv.place(column, `csvData: ${option}[${i}]`));
    this.sequence = place(sequence, 'sequence');
    this.time = place(time, 'time');
    this.targets = places(targets, 'targets');
    const taken = new Set([...this.targets, this.sequence, this.time]);
    this.inputs = options.inputs
      ? places(options.inputs, 'inputs')
      : [...csv.names.keys()].filter((column) => !taken.has(column));
    if (this.inputs.length === 0) throw dataError(csv.file, 'no column is left for inputs');
    const both = this.inputs.find((column) => taken.has(column));
    if (both !== undefined) {
      const got = `column ${check.show(csv.names[both])}, which is another thing too`;
      throw check.argumentError('csvData: inputs', 'columns of their own', got);
    }
  }

  input(record: CsvRecord, place: number): number {
    const { tokens, scale } = this.#options;
    return tokens
      ? this.#whole(record, place, 'a token id')
      : this.csv.number(record, place) * scale;
  }

  target(record: CsvRecord, place: number): number {
    if (this.#options.targetKind === 'reals') return this.csv.number(record, place);
    if (!this.#classes) return this.#whole(record, place, 'a class, a whole number from 0 on');
    const cell = record.cells[place];
    const index = this.#classes.get(cell.trim());
    return index ?? this.csv.refuse(record.line, place, 'one of the classes', cell);
  }

  #whole(record: CsvRecord, place: number, expected: string): number {
    const value = this.csv.number(record, place);
    if (Number.isInteger(value) && value >= 0 && value < 2 ** 31) return value;
    return this.csv.refuse(record.line, place, expected, record.cells[place]);
  }
}

/** What is gathered while the lines pass. */
function columnsFor({ tokens, targetKind }: Checked) {
  return {
    inputs: tokens ? new Growing(Int32Array) : new Growing(Float32Array),
    targets: targetKind === 'classes' ? new Growing(Int32Array) : new Growing(Float32Array),
  };
}

/** One sequence per line. */
async function readWide(cells: Cells, options: Checked): Promise<FileSource> {
  const { inputs, targets } = columnsFor(options);
  const { features } = options;
  if (cells.inputs.length % features !== 0) {
    const expected = `a divisor of ${cells.inputs.length} (columns of inputs)`;
    throw check.argumentError('csvData: features', expected, `${features}`);
  }
  for await (const records of cells.csv.records) {
    for (const record of records) {
      for (const place of cells.inputs) inputs.push(cells.input(record, place));
      for (const place of cells.targets) targets.push(cells.target(record, place));
    }
  }
  if (inputs.length === 0) throw dataError(cells.csv.file, 'no lines but the header');
  const steps = cells.inputs.length / features;
  const given = cells.targets.length > 0 ? targets.take() : undefined;
  return fileSource(
    {
      inputs: inputs.take(),
      steps,
      features,
      targets: given,
      perStep: false,
      classes: options.classes?.length,
    },
    options.bucket,
  );
}

/** The sequence that is being read. */
interface Current {
  readonly id: string;
  time: number;
  readonly targets: readonly number[];
}

/** One step per line. */
async function readLong(cells: Cells, options: Checked, sequence: number): Promise<FileSource> {
  const { csv, time } = cells;
  const { inputs, targets } = columnsFor(options);
  const lengths = new Growing(Int32Array);
  const seen = new Set<string>();
  let length = 0;
  let current: Current | undefined;
  for await (const records of csv.records) {
    for (const record of records) {
      const { line } = record;
      const id = record.cells[sequence].trim();
      const now = time === undefined ? 0 : csv.number(record, time);
      const own = cells.targets.map((place) => cells.target(record, place));
      if (id !== current?.id) {
        if (id === '') csv.refuse(line, sequence, 'the name of a sequence', id);
        if (seen.has(id)) csv.refuse(line, sequence, 'the lines of a sequence together', id);
        seen.add(id);
        if (current) lengths.push(length);
        length = 0;
        current = { id, time: now, targets: own };
        if (!options.perStep) for (const value of own) targets.push(value);
      } else if (time !== undefined && !(now > current.time)) {
        csv.refuse(line, time, `more than ${current.time}`, record.cells[time]);
      }
      current.time = now;
      if (options.perStep) for (const value of own) targets.push(value);
      else {
        const differs = own.findIndex((value, i) => value !== current?.targets[i]);
        const place = cells.targets[differs];
        const expected = 'the target of the sequence (or perStep: true)';
        if (differs >= 0) csv.refuse(line, place, expected, record.cells[place]);
      }
      length++;
      for (const place of cells.inputs) inputs.push(cells.input(record, place));
    }
  }
  if (!current) throw dataError(csv.file, 'no lines but the header');
  lengths.push(length);
  return fileSource(
    {
      inputs: inputs.take(),
      features: cells.inputs.length,
      targets: cells.targets.length > 0 ? targets.take() : undefined,
      perStep: options.perStep,
      classes: options.classes?.length,
      lengths: lengths.take(),
    },
    options.bucket,
  );
}

/**
 * A data source from a table, of one of two forms.
 *
 * - One sequence per line, all of one length: the inputs of its steps side by side, `features` of
 *   each step together. `csvData('mnist.csv', { targets: 'label', scale: 1 / 255 })`.
 * - One step per line, where `sequence` names a column: lines that have the same value there are a
 *   sequence, in their order, of any length; the other columns are the features of a step.
 *   `csvData('sensors.csv', { sequence: 'id', time: 't', targets: 'activity' })`.
 *
 * The table is as `readCsv` wants it, and all options are plain values, as a JSON file has them.
 * Columns are named, or counted from 0.
 *
 * @param source the path of a file, or the bytes of a text
 * @returns a source in memory, whose `form` says what was found
 * @throws ERR_BNLSTM_IO if the file cannot be read; ERR_BNLSTM_DATA with file, line and column where
 *   it is not as the options say; ERR_BNLSTM_ARGUMENT
 */
export async function csvData(
  source: string | Uint8Array,
  options: CsvDataOptions,
): Promise<FileSource> {
  const checked = checkOptions(options);
  return withCsv(source, checked, 'csvData', async (csv) => {
    const cells = new Cells(csv, checked);
    const { sequence } = cells;
    return sequence === undefined ? readWide(cells, checked) : readLong(cells, checked, sequence);
  });
}
