import type { Layout } from './compile.js';
import type { RecordedInput, RecordedOutput } from './recording.js';
import { byteLength, formatType, type Value } from './value.js';

/** One operand: its direction and name, the value's own label, type, bytes and place. */
type Row = readonly [name: string, label: string, type: string, bytes: string, place: string];

/**
 * A program as a table: what goes in, each op with what it reads (<) and writes (>), what comes
 * out, and how much memory that takes.
 */
export function describe(layout: Layout): string {
  const { recording, ops, arenaBytes, unsharedBytes } = layout;
  const { inputs, outputs, stream } = recording;
  const row = (name: string, value: Value, label: string, note = ''): Row => {
    const location = layout.locationOf(value);
    const place = 'arena' in location ? `arena+${location.arena}` : 'outside';
    const type = formatType(value.dtype, layout.shapeOf(value));
    return [name, label, type, `${grouped(bytesOf(layout, value))} B`, place + note];
  };
  const operands = (mark: string, values: Readonly<Record<string, Value>>) =>
    Object.entries(values).map(([name, value]) =>
      row(`${mark} ${name}`, value, value.label === name ? '' : value.label),
    );
  const transfers = (mark: string, values: readonly (RecordedInput | RecordedOutput)[]) =>
    values.map(({ name, value, batchMajor }) =>
      row(`${mark} ${name}`, value, '', batchMajor ? ', batch-major outside' : ''),
    );
  const sum = (values: readonly (RecordedInput | RecordedOutput)[]) =>
    grouped(values.reduce((bytes, { value }) => bytes + bytesOf(layout, value), 0));

  return [
    `program on ${stream.device}, ${ops.length} ${ops.length === 1 ? 'op' : 'ops'}`,
    ...aligned([
      'inputs',
      ...transfers('<', inputs),
      ...ops.flatMap((op, index) => [
        `${index} ${op.name}${options(op.options)}`,
        ...operands('<', op.inputs),
        ...operands('>', op.outputs),
      ]),
      'outputs',
      ...transfers('>', outputs),
    ]),
    `arena      ${grouped(arenaBytes)} B (${grouped(unsharedBytes)} B without reuse)`,
    `outside    ${grouped(outsideBytes(layout))} B in the arrays that it refers to`,
    `each run   ${sum(inputs)} B in, ${sum(outputs)} B out`,
  ].join('\n');
}

function bytesOf(layout: Layout, value: Value): number {
  return byteLength(value.dtype, layout.shapeOf(value));
}

function outsideBytes({ ops, recording, locationOf }: Layout): number {
  const operands = ops.flatMap(({ inputs, outputs }) => [inputs, outputs].flatMap(Object.values));
  const values: Value[] = [...operands, ...recording.outputs.map(({ value }) => value)];
  const locations = values.map(locationOf);
  const arrays = new Set(locations.flatMap((at) => ('array' in at ? [at.array] : [])));
  return [...arrays].reduce((bytes, array) => bytes + array.bytes, 0);
}

/** 1234567 as 1 234 567. */
function grouped(bytes: number): string {
  return String(bytes).replace(/\B(?=(\d{3})+$)/g, ' ');
}

function options(given: Layout['ops'][number]['options']): string {
  const shown = Object.entries(given).map(([name, value]) => {
    const list = Array.isArray(value) && value.length > 8;
    return list ? `${name}=[${value.length} numbers]` : `${name}=${JSON.stringify(value)}`;
  });
  return shown.length > 0 ? ` (${shown.join(', ')})` : '';
}

/** Headings as they are, each after a blank line; rows in columns. */
function aligned(lines: readonly (Row | string)[]): string[] {
  const rows = lines.filter((line) => typeof line !== 'string');
  const widest = (column: number) => Math.max(0, ...rows.map((row) => row[column].length));
  const [name, label, type, bytes] = [0, 1, 2, 3].map(widest);
  const table = lines.flatMap((line) => {
    if (typeof line === 'string') return ['', line];
    const texts = [line[0].padEnd(name), line[1].padEnd(label), line[2].padEnd(type)];
    return [`  ${[...texts, line[3].padStart(bytes), line[4]].join('  ')}`];
  });
  return [...table, ''];
}
