import { createReadStream } from 'node:fs';
import { dataError } from './bytes.js';

/** A line of a table, or several where a quoted cell goes on. */
export interface CsvRecord {
  /** Of its beginning, counted from 1. */
  readonly line: number;
  readonly cells: readonly string[];
}

export type CsvDelimiter = ',' | ';' | '\t' | '|' | ' ';

/** Characters of a record. What is longer is no table, but a file with another delimiter or none. */
const maxRecord = 1 << 24;
const pieceBytes = 1 << 20;

const quote = '"';

/** Cuts a text that comes in pieces into records. */
class RecordParser {
  readonly #name: string;
  readonly #delimiter: string;
  /** What has come and is no whole record yet. */
  #rest = '';
  #line = 1;
  #width: number | undefined;
  /** An empty line is one too many unless nothing follows. */
  #emptyLine: number | undefined;

  constructor(name: string, delimiter: string) {
    this.#name = name;
    this.#delimiter = delimiter;
  }

  /** The records that end within a piece; of the last piece, the rest too. */
  take(piece: string, last: boolean): CsvRecord[] {
    const text = this.#rest + piece;
    const records: CsvRecord[] = [];
    let at = 0;
    let quoted = text.indexOf(quote);
    while (at < text.length) {
      const newline = text.indexOf('\n', at);
      const end = newline < 0 ? text.length : newline;
      let next = end + 1;
      let record: CsvRecord | undefined;
      if (quoted >= 0 && quoted < at) quoted = text.indexOf(quote, at);
      if (quoted >= 0 && quoted < end) {
        const found = this.#quoted(text, at, last);
        if (found) [record, next] = found;
      } else if (newline >= 0 || last) {
        const cut = text[end - 1] === '\r' && end > at ? end - 1 : end;
        record = { line: this.#line, cells: text.slice(at, cut).split(this.#delimiter) };
        this.#line++;
      }
      if ((record ? next : text.length) - at > maxRecord) {
        throw this.#error(`more than ${maxRecord} characters without an end of the line`);
      }
      if (!record) break;
      at = next;
      if (this.#isRow(record)) records.push(record);
    }
    this.#rest = text.slice(at);
    return records;
  }

  #isRow({ line, cells }: CsvRecord): boolean {
    if (cells.length === 1 && cells[0].trim() === '') {
      this.#emptyLine ??= line;
      return false;
    }
    if (this.#emptyLine !== undefined) throw this.#error('an empty line', this.#emptyLine);
    this.#width ??= cells.length;
    if (cells.length !== this.#width) {
      throw this.#error(
        `${cells.length} cells, expected ${this.#width} as in the first line`,
        line,
      );
    }
    return true;
  }

  /** A record that has quotes, and where the next one begins; undefined where it has no end yet. */
  #quoted(text: string, start: number, last: boolean): [CsvRecord, number] | undefined {
    const cells: string[] = [];
    const from = this.#line;
    let line = from;
    for (let at = start; ; ) {
      let cell: string;
      if (text[at] === quote) {
        cell = '';
        for (let begin = at + 1; ; ) {
          const close = text.indexOf(quote, begin);
          if (close < 0) {
            if (last) throw this.#error('a quote that is not closed', line);
            return undefined;
          }
          cell += text.slice(begin, close);
          at = close + 1;
          if (text[at] !== quote) break;
          cell += quote;
          begin = at + 1;
        }
        for (let i = cell.indexOf('\n'); i >= 0; i = cell.indexOf('\n', i + 1)) line++;
      } else {
        const begin = at;
        while (at < text.length && text[at] !== this.#delimiter && text[at] !== '\n') at++;
        cell = text.slice(begin, at);
        if (cell.includes(quote)) throw this.#error('a quote within a cell without quotes', line);
        if (text[at] === '\n' && cell.endsWith('\r')) cell = cell.slice(0, -1);
      }
      if (at >= text.length && !last) return undefined;
      cells.push(cell);
      if (text[at] === this.#delimiter) {
        at++;
        continue;
      }
      if (text[at] === '\r' && (at + 1 === text.length || text[at + 1] === '\n')) at++;
      if (at >= text.length && !last) return undefined;
      if (at < text.length && text[at] !== '\n') {
        throw this.#error('more in a cell after its closing quote', line);
      }
      this.#line = line + 1;
      return [{ line: from, cells }, at + 1];
    }
  }

  #error(reason: string, line = this.#line) {
    return dataError(this.#name, `line ${line}: ${reason}`);
  }
}

/** The bytes of a file, or those given, in pieces. */
async function* pieces(source: string | Uint8Array): AsyncGenerator<Uint8Array, void, undefined> {
  if (typeof source === 'string') {
    yield* createReadStream(source, { highWaterMark: pieceBytes });
    return;
  }
  for (let at = 0; at < source.length; at += pieceBytes) {
    yield source.subarray(at, at + pieceBytes);
  }
}

/**
 * The records of a table (RFC 4180, UTF-8), many at a time, as a file is read: all of as many cells,
 * and no empty line but at the end.
 * @param source the path of a file, or its bytes
 * @param name of the file, for messages
 * @throws ERR_BNLSTM_DATA with the line; what the system throws
 */
export async function* csvRecords(
  source: string | Uint8Array,
  name: string,
  delimiter: CsvDelimiter,
): AsyncGenerator<readonly CsvRecord[], void, undefined> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  const parser = new RecordParser(name, delimiter);
  const decode = (piece?: Uint8Array) => {
    try {
      return piece ? decoder.decode(piece, { stream: true }) : decoder.decode();
    } catch (cause) {
      throw dataError(name, 'not a text in UTF-8', cause);
    }
  };
  for await (const piece of pieces(source)) yield parser.take(decode(piece), false);
  yield parser.take(decode(), true);
}
