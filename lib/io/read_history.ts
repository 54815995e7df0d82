import { readFile } from 'node:fs/promises';
import * as check from '../check.js';
import { BnLstmError } from '../errors.js';
import { ioError } from './atomic.js';
import type { HistoryRecord } from './history.js';

type Kind = 'string' | 'number' | 'boolean' | 'object' | 'best' | 'test';

/** The fields of each type of record; those with a question mark may be absent. */
const fields: Readonly<Record<HistoryRecord['type'], Readonly<Record<string, Kind>>>> = {
  start: {
    time: 'string',
    version: 'string',
    device: 'string',
    dtype: 'string',
    model: 'string',
    parameters: 'number',
    seed: 'number',
    configuration: 'object',
    machine: 'object',
    'resumedAt?': 'number',
  },
  step: {
    index: 'number',
    epoch: 'number',
    loss: 'number',
    'accuracy?': 'number',
    gradientNorm: 'number',
    learningRate: 'number',
    seconds: 'number',
    sequencesPerSecond: 'number',
    'skipped?': 'number',
  },
  validation: {
    index: 'number',
    epoch: 'number',
    loss: 'number',
    'accuracy?': 'number',
    'statistics?': 'string',
    best: 'boolean',
  },
  checkpoint: { index: 'number', file: 'string' },
  warning: { index: 'number', message: 'string' },
  end: {
    index: 'number',
    epoch: 'number',
    stoppedBy: 'string',
    'message?': 'string',
    seconds: 'number',
    'best?': 'best',
    'test?': 'test',
  },
};
const best: Readonly<Record<string, Kind>> = {
  index: 'number',
  loss: 'number',
  'accuracy?': 'number',
};
const test: Readonly<Record<string, Kind>> = {
  loss: 'number',
  'accuracy?': 'number',
  count: 'number',
};

/** More than any record has: the configuration of a run is a page of text. */
const maxLineBytes = 2 ** 24;

/** The known fields of an object; others, of later versions, are left out. */
function read(
  from: unknown,
  name: string,
  kinds: Readonly<Record<string, Kind>>,
): Record<string, unknown> {
  const value = check.object(from, name);
  const record: Record<string, unknown> = {};
  for (const [key, kind] of Object.entries(kinds)) {
    const field = key.replace('?', '');
    if (Object.hasOwn(value, field)) record[field] = readField(value[field], field, kind);
    else if (field === key) throw check.argumentError(field, `a ${kind}`, 'nothing');
  }
  return record;
}

function readField(value: unknown, name: string, kind: Kind): unknown {
  if (kind === 'best') return read(value, name, best);
  if (kind === 'test') return read(value, name, test);
  // JSON has no other form for what is not finite.
  if (kind === 'number' && value === null) return Number.NaN;
  const right = kind === 'object' ? check.isObject(value) : typeof value === kind;
  if (!right) throw check.argumentError(name, `a ${kind}`, check.show(value));
  return value;
}

function readRecord(line: Uint8Array): HistoryRecord {
  if (line.length > maxLineBytes) {
    throw check.argumentError('line', `at most ${maxLineBytes} bytes`, String(line.length));
  }
  const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(line);
  const value: unknown = JSON.parse(text);
  const type = check.isObject(value) ? value.type : undefined;
  const known = check.oneOf(type, 'type', Object.keys(fields)) as HistoryRecord['type'];
  return { type: known, ...read(value, known, fields[known]) } as HistoryRecord;
}

/**
 * The records of a history in memory. As `readHistory`.
 *
 * @throws ERR_BNLSTM_FORMAT with the number of the line
 */
export function parseHistory(bytes: Uint8Array): HistoryRecord[] {
  const records: HistoryRecord[] = [];
  let start = 0;
  for (let line = 1; start < bytes.length; line++) {
    const end = bytes.indexOf(0x0a, start);
    if (end < 0) break; // a line that was never finished is no record
    try {
      records.push(readRecord(bytes.subarray(start, end)));
    } catch (cause) {
      const reason = `line ${line}: ${(cause as Error).message}`;
      throw new BnLstmError('ERR_BNLSTM_FORMAT', reason, { cause });
    }
    start = end + 1;
  }
  return records;
}

/**
 * Reads `history.jsonl`, what a training run wrote down; a last line that was not finished is left
 * out. A number that was not finite (null in the file) is NaN.
 *
 * @throws ERR_BNLSTM_IO if the file cannot be read, ERR_BNLSTM_FORMAT with the number of the line
 *   that is no record
 */
export async function readHistory(path: string): Promise<HistoryRecord[]> {
  check.string(path, 'readHistory: path');
  try {
    return parseHistory(await readFile(path));
  } catch (cause) {
    if (!(cause instanceof BnLstmError)) throw ioError(`cannot read ${path}`, cause);
    throw new BnLstmError(cause.code, `${path}: ${cause.message}`, { cause });
  }
}
