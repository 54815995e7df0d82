import * as check from '../check.js';
import { dataError, readError } from './bytes.js';
import { type CsvDelimiter, type CsvRecord, csvRecords } from './csv_records.js';
import { Growing } from './growing.js';

/** A column by its name in the header, or by its place, counted from 0. */
export type CsvColumn = string | number;

export interface CsvFormat {
  /** Between cells. Default ','. */
  readonly delimiter?: CsvDelimiter | undefined;
  /**
   * Whether the first line has the names of the columns. Default: if none of its cells is a number;
   * where some are, this must be said.
   */
  readonly header?: boolean | undefined;
}

export const csvFormatNames = ['delimiter', 'header'];

export interface CsvOptions extends CsvFormat {
  /** Columns to read, in this order. Default: all. */
  readonly columns?: readonly CsvColumn[] | undefined;
}

export interface CsvTable {
  /** Of the columns: from the header, else their places as texts. */
  readonly names: readonly string[];
  /** Lines, without the header. */
  readonly count: number;
  /** [count] each. */
  readonly columns: readonly Float64Array[];
}

/** An open table: its columns, and its lines as they are read. */
export class CsvReader {
  readonly file: string;
  readonly names: readonly string[];
  readonly #records: AsyncIterable<readonly CsvRecord[]>;

  constructor(
    file: string,
    names: readonly string[],
    records: AsyncIterable<readonly CsvRecord[]>,
  ) {
    this.file = file;
    this.names = names;
    this.#records = records;
  }

  /** Lines without the header, many at a time. */
  get records(): AsyncIterable<readonly CsvRecord[]> {
    return this.#records;
  }

  /** The place of a column. */
  place(column: unknown, option: string): number {
    const { names } = this;
    if (typeof column === 'number') {
      return check.integer(column, option, { min: 0, max: names.length - 1 });
    }
    const place = names.indexOf(check.string(column, option));
    if (place < 0) {
      const some = names.slice(0, 10).join(', ') + (names.length > 10 ? ', …' : '');
      throw dataError(this.file, `no column ${check.show(column)} (${option}); there are: ${some}`);
    }
    return place;
  }

  /** A cell as a number, written in decimal; spaces around it do not count. */
  number({ line, cells }: CsvRecord, place: number): number {
    const value = parseNumber(cells[place]);
    if (Number.isFinite(value)) return value;
    return this.refuse(line, place, 'a number', cells[place]);
  }

  refuse(line: number, place: number, expected: string, cell: string): never {
    const column = check.show(this.names[place]);
    const got = cell.trim() === '' ? 'an empty cell' : check.show(cell);
    throw dataError(this.file, `line ${line}, column ${column}: expected ${expected}, got ${got}`);
  }
}

const decimal = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;

/** NaN for what is not a decimal number; too large a one is infinite. */
function parseNumber(cell: string): number {
  // Most cells are a few digits, and there are millions of them.
  let value = 0;
  let at = 0;
  for (; at < cell.length && at < 9; at++) {
    const digit = cell.charCodeAt(at) - 48;
    if (!(digit >= 0 && digit <= 9)) break;
    value = 10 * value + digit;
  }
  if (at > 0 && at === cell.length) return value;
  const text = cell.trim();
  return decimal.test(text) ? Number(text) : Number.NaN;
}

function namesOf(file: string, { line, cells }: CsvRecord, header: boolean | undefined) {
  const numbers = cells.filter((cell) => !Number.isNaN(parseNumber(cell))).length;
  if (header === undefined && numbers > 0 && numbers < cells.length) {
    const place = cells.findIndex((cell) => Number.isNaN(parseNumber(cell)));
    const got = `${check.show(cells[place])} beside numbers`;
    const expected = 'numbers, or a header (then say so with the option header)';
    throw dataError(file, `line ${line}, column "${place}": expected ${expected}, got ${got}`);
  }
  if (!(header ?? numbers === 0)) return undefined;
  const names = cells.map((cell) => cell.trim());
  const known = new Set<string>();
  for (const name of names) {
    if (known.has(name)) throw dataError(file, `line ${line}: two columns ${check.show(name)}`);
    known.add(name);
  }
  return names;
}

/**
 * Opens a table.
 * @throws ERR_BNLSTM_IO, ERR_BNLSTM_DATA, ERR_BNLSTM_ARGUMENT
 */
export async function withCsv<T>(
  source: string | Uint8Array,
  { delimiter = ',', header }: CsvFormat,
  method: string,
  use: (csv: CsvReader) => Promise<T>,
): Promise<T> {
  check.oneOf(delimiter, `${method}: delimiter`, [',', ';', '\t', '|', ' ']);
  if (header !== undefined) check.boolean(header, `${method}: header`);
  const inMemory = source instanceof Uint8Array;
  const file = inMemory ? `${method}: text` : check.string(source, `${method}: path`);
  const batches = csvRecords(source, file, delimiter);
  try {
    let first: readonly CsvRecord[] = [];
    while (first.length === 0) {
      const { done, value } = await batches.next();
      if (done) throw dataError(file, 'an empty table');
      first = value;
    }
    const names = namesOf(file, first[0], header);
    const rows = names ? first.slice(1) : first;
    async function* records() {
      yield rows;
      yield* batches;
    }
    return await use(new CsvReader(file, names ?? first[0].cells.map((_, i) => `${i}`), records()));
  } catch (cause) {
    throw readError(file, cause);
  } finally {
    await batches.return();
  }
}

/**
 * Reads a table of decimal numbers (CSV as in RFC 4180: quotes, UTF-8 with or without BOM, lines that
 * end in LF or CRLF). It is strict: every line has as many cells as the first, and each that is read
 * is a finite number. Errors name file, line and column. The file is read in pieces, and is never in
 * memory as a whole.
 *
 * @param source the path of a file, or the bytes of a text
 * @throws ERR_BNLSTM_IO if the file cannot be read; ERR_BNLSTM_DATA if it is not such a table;
 *   ERR_BNLSTM_ARGUMENT
 */
export async function readCsv(
  source: string | Uint8Array,
  options?: CsvOptions,
): Promise<CsvTable> {
  const given = check.options(options, 'readCsv', [...csvFormatNames, 'columns']);
  return withCsv(source, given, 'readCsv', async (csv) => {
    const { columns = [...csv.names.keys()] } = given;
    if (!Array.isArray(columns)) {
      throw check.argumentError('readCsv: columns', 'an array', check.show(columns));
    }
    const places = columns.map((column, i) => csv.place(column, `readCsv: columns[${i}]`));
    const numbers = places.map(() => new Growing(Float64Array));
    let count = 0;
    for await (const records of csv.records) {
      count += records.length;
      for (const record of records) {
        for (const [i, place] of places.entries()) numbers[i].push(csv.number(record, place));
      }
    }
    return {
      names: places.map((place) => csv.names[place]),
      count,
      columns: numbers.map((column) => column.take()),
    };
  });
}
