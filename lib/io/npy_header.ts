import { type Bytes, dataError } from './bytes.js';

/** What the header of a .npy file says. */
export interface NpyHeader {
  /** Kind and bytes of an element, such as f4. */
  readonly type: string;
  readonly littleEndian: boolean;
  readonly fortranOrder: boolean;
  readonly shape: readonly number[];
  /** Of the data, in the file. */
  readonly start: number;
}

const magic = '\x93NUMPY';
/** That of version 1; longer ones describe records, which are not read. */
const maxHeaderBytes = 65_536;
/** NumPy's own. */
const maxDimensions = 64;

/** One entry of the dictionary with its comma or the end: a string, a truth value, or a tuple. */
const entry =
  /\s*(['"])(\w+)\1\s*:\s*(?:(['"])([^'"\\]*)\3|(True|False)|\(([\d\s,]*)\))\s*(,\s*\}\s*$|\}\s*$|,)/y;

/** The dictionary of a header, in the notation of Python. It is matched, never evaluated. */
function parseDictionary(text: string): Map<string, string> | undefined {
  const entries = new Map<string, string>();
  const open = /^\s*\{/.exec(text);
  if (!open) return undefined;
  entry.lastIndex = open[0].length;
  for (;;) {
    const match = entry.exec(text);
    if (!match) return undefined;
    const [, , key, , word, truth, tuple, end] = match;
    if (entries.has(key)) return undefined;
    entries.set(key, word ?? truth ?? `(${tuple})`);
    if (end !== ',') return entries;
  }
}

function parseShape(text: string): number[] | undefined {
  const inside = text.slice(1, -1).trim();
  if (inside === '') return [];
  const parts = inside.replace(/,$/, '').split(',');
  const shape = parts.map((part) => (/^\s*\d+\s*$/.test(part) ? Number(part) : Number.NaN));
  return shape.every(Number.isSafeInteger) ? shape : undefined;
}

/** @throws ERR_BNLSTM_DATA */
export async function readNpyHeader(file: Bytes): Promise<NpyHeader> {
  const damaged = (reason: string) => dataError(file.name, reason);
  const lead = Buffer.alloc(Math.min(12, file.size));
  await file.read(lead, 0);
  if (lead.length < 10 || lead.toString('latin1', 0, 6) !== magic) {
    throw damaged('not a .npy file');
  }
  const version = lead[6];
  if (version < 1 || version > 3) {
    throw damaged(`version ${version} of .npy, expected 1, 2 or 3`);
  }
  const begin = version === 1 ? 10 : 12;
  if (lead.length < begin) throw damaged('ends within its header');
  const length = version === 1 ? lead.readUInt16LE(8) : lead.readUInt32LE(8);
  const start = begin + length;
  if (length > maxHeaderBytes) {
    throw damaged(`a header of ${length} bytes, at most ${maxHeaderBytes} are read`);
  }
  if (start > file.size) throw damaged('ends within its header');
  const header = Buffer.alloc(length);
  await file.read(header, begin);

  const text = header.toString(version === 3 ? 'utf8' : 'latin1');
  if (/['"]descr['"]\s*:\s*[[(]/.test(text)) throw damaged('an array of records, expected numbers');
  const entries = parseDictionary(text);
  const keys = ['descr', 'fortran_order', 'shape'];
  if (!entries || entries.size !== keys.length || !keys.every((key) => entries.has(key))) {
    throw damaged('a damaged header, expected a dictionary of descr, fortran_order and shape');
  }
  const [descr, order, extents] = keys.map((key) => entries.get(key) as string);
  const shape = /^\(/.test(extents) ? parseShape(extents) : undefined;
  if (!shape || shape.length > maxDimensions) throw damaged(`a damaged shape ${show(extents)}`);
  if (order !== 'True' && order !== 'False') {
    throw damaged(`a damaged fortran_order ${show(order)}`);
  }
  const dtype = /^([<>|=])([a-zA-Z])(\d{1,6})$/.exec(descr);
  if (dtype?.[2] === 'O' || descr === '|O') {
    throw damaged('an array of Python objects, which are never read: expected numbers');
  }
  if (!dtype) throw damaged(`dtype ${show(descr)}, expected numbers`);
  const [, endian, kind, bytes] = dtype;
  const fortranOrder = order === 'True';
  return { type: kind + bytes, littleEndian: endian !== '>', fortranOrder, shape, start };
}

const show = (text: string) => JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}…` : text);
