import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CsvOptions, readCsv } from '../../lib/io/csv.js';
import { expectError } from '../model/support.js';
import { expectOnlyOurErrors } from './mutate.js';

const read = (text: string, options?: CsvOptions) => readCsv(Buffer.from(text), options);
/** Names, and rows of numbers. */
const table = async (text: string, options?: CsvOptions) => {
  const { names, count, columns } = await read(text, options);
  return [names, ...Array.from({ length: count }, (_, row) => columns.map((c) => c[row]))];
};

describe('readCsv', () => {
  it.each<[string, string, CsvOptions | undefined]>([
    ['LF', 'a,b\n1,2\n3,4\n', undefined],
    ['no last LF', 'a,b\n1,2\n3,4', undefined],
    ['CRLF', 'a,b\r\n1,2\r\n3,4\r\n', undefined],
    ['a BOM', '\ufeffa,b\n1,2\n3,4\n', undefined],
    ['quotes', '"a","b"\n"1",2\r\n3,"4"', undefined],
    ['spaces', ' a , b\n 1, 2 \n+3 ,4.0', undefined],
    ['exponents', 'a,b\n1e0,.2e1\n300E-2,4.\n', undefined],
    ['semicolons', 'a;b\n1;2\n3;4\n', { delimiter: ';' }],
    ['tabs', 'a\tb\n1\t2\n3\t4\n', { delimiter: '\t' }],
    ['empty lines at its end', 'a,b\n1,2\n3,4\n\n \r\n', undefined],
    [
      'other columns',
      'x,a,name,b\n,1,"hello, ""world""\nand all",2\n?,3,,4\n',
      { columns: ['a', 3] },
    ],
  ])('reads a table with %s', async (_, text, options) => {
    expect(await table(text, options)).toEqual([
      ['a', 'b'],
      [1, 2],
      [3, 4],
    ]);
  });

  it('knows a header from numbers, or is told', async () => {
    expect(await table('1,2\n3,4')).toEqual([
      ['0', '1'],
      [1, 2],
      [3, 4],
    ]);
    expect(await table('1,2\n3,4', { header: true })).toEqual([
      ['1', '2'],
      [3, 4],
    ]);
    expect(await table('a,b')).toEqual([['a', 'b']]);
    expect(await table('a,1\nb,2', { header: false, columns: [1] })).toEqual([['1'], [1], [2]]);
    await expectError(
      () => read('1,N/A\n2,3'),
      'ERR_BNLSTM_DATA',
      /line 1, column "1": expected numbers, or a header .*, got "N\/A" beside numbers/,
    );
  });

  it.each<[string, string, RegExp]>([
    ['nothing', '', /an empty table/],
    ['empty lines', '\n\n', /an empty table/],
    ['a word', 'a,b\n1,2\n3,x\n', /line 3, column "b": expected a number, got "x"/],
    ['an empty cell', 'a,b\n1,\n', /line 2, column "b": expected a number, got an empty cell/],
    ['NaN', 'a,b\n1,NaN\n', /line 2, column "b": expected a number, got "NaN"/],
    ['infinity', 'a,b\n1,Infinity\n', /got "Infinity"/],
    ['too large a number', 'a,b\n1,1e999\n', /line 2, column "b": expected a number, got "1e999"/],
    ['hexadecimal', 'a,b\n1,0x10\n', /got "0x10"/],
    ['a cell too few', 'a,b\n1,2\n3\n', /line 3: 1 cells, expected 2 as in the first line/],
    ['a cell too many', 'a,b\n1,2,3\n', /line 2: 3 cells, expected 2/],
    ['an empty line', 'a,b\n1,2\n\n3,4\n', /line 3: an empty line/],
    ['a column twice', 'a,a\n1,2\n', /line 1: two columns "a"/],
    ['a quote that is open', 'a,b\n1,"2\n3,4\n', /line 2: a quote that is not closed/],
    ['a quote within', 'a,b\n1,2"3"\n', /line 2: a quote within a cell without quotes/],
    ['more after a quote', 'a,b\n1,"2"3\n', /line 2: more in a cell after its closing quote/],
    ['a line after one of two', 'a,b\n"x\ny",2\n3,x\n', /line 2, column "a"/],
    ['NUL', 'a,b\n1,\0\n', /line 2, column "b": expected a number/],
  ])('refuses %s', async (_, text, message) => {
    await expectError(() => read(text), 'ERR_BNLSTM_DATA', message);
  });

  it('refuses a decimal comma', async () => {
    const comma = () => read('a;b\n1,5;2\n', { delimiter: ';' });
    await expectError(comma, 'ERR_BNLSTM_DATA', /line 2, column "a": expected a number, got "1,5"/);
  });

  it('counts the lines of quoted cells', async () => {
    const text = 'a,b\n"x\ny",2\n3,x\n';
    const error = /line 4, column "b": expected a number, got "x"/;
    await expectError(() => read(text, { columns: ['b'] }), 'ERR_BNLSTM_DATA', error);
  });

  it('refuses other texts than UTF-8', async () => {
    for (const encoding of ['latin1', 'utf16le'] as const) {
      const bytes = Buffer.from('ä,b\n1,2\n', encoding);
      await expectError(
        () => readCsv(bytes, { columns: [0] }),
        'ERR_BNLSTM_DATA',
        /UTF-8|expected/,
      );
    }
  });

  it('refuses a line without end before memory is full of it', async () => {
    const line = Buffer.alloc(20_000_000, '1');
    await expectError(() => readCsv(line), 'ERR_BNLSTM_DATA', /line 1: more than 16777216 char/);
    line[0] = 0x22;
    await expectError(() => readCsv(line), 'ERR_BNLSTM_DATA', /line 1: more than 16777216 char/);
  });

  it('says what is wrong', async () => {
    const given = (options: object) => () => read('a,b\n1,2\n', options);
    const code = 'ERR_BNLSTM_ARGUMENT';
    await expectError(given({ delimiter: 'x' }), code, /readCsv: delimiter/);
    await expectError(given({ header: 1 }), code, /readCsv: header/);
    await expectError(given({ columns: 'a' }), code, /readCsv: columns: expected an array/);
    await expectError(given({ columns: [2] }), code, /columns\[0\]: expected an integer .* ≤ 1/);
    await expectError(given({ column: 'a' }), code, /got column/);
    const unknown = /no column "c" \(readCsv: columns\[0\]\); there are: a, b/;
    await expectError(given({ columns: ['c'] }), 'ERR_BNLSTM_DATA', unknown);
  });

  it('reads any table of any cells back', async () => {
    const number = fc.double({ noNaN: true, noDefaultInfinity: true }).map((x) => x + 0);
    const text = fc.stringMatching(/^[a",\r\n ;é€😀]{0,6}$/u);
    const rows = fc.array(fc.tuple(number, text), { minLength: 1, maxLength: 20 });
    const quoted = (cell: string) => `"${cell.replaceAll('"', '""')}"`;
    await fc.assert(
      fc.asyncProperty(rows, fc.constantFrom('\n', '\r\n'), async (rows, end) => {
        const lines = rows.map(([value, cell]) => `${value},${quoted(cell)}${end}`);
        const [, ...read] = await table(lines.join(''), { header: false, columns: [0] });
        expect(read).toEqual(rows.map(([value]) => [value]));
      }),
    );
  });

  describe('from a file', () => {
    let folder = '';
    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), 'bnlstm-csv-'));
    });
    afterAll(() => rm(folder, { recursive: true }));

    it('reads more than one piece, wherever that is cut', async () => {
      const path = join(folder, 'large.csv');
      const row = (i: number) => (i % 3 ? `${i},"é😀\n${i}",${i}\r\n` : `${i},é😀,${i}\n`);
      await writeFile(path, `a,b,c\n${Array.from({ length: 150_000 }, (_, i) => row(i)).join('')}`);
      const { count, columns } = await readCsv(path, { columns: ['c'] });
      expect(count).toBe(150_000);
      expect(columns[0].every((value, i) => value === i)).toBe(true);
    });

    it('says what the system says', async () => {
      await expectError(() => readCsv(join(folder, 'none')), 'ERR_BNLSTM_IO', /none.*ENOENT/);
      await expectError(() => readCsv(folder), 'ERR_BNLSTM_IO', /EISDIR/);
      await expectError(() => readCsv(''), 'ERR_BNLSTM_ARGUMENT', /readCsv: path/);
    });
  });

  it('meets damaged files with its own errors alone, and within memory', async () => {
    const seeds = ['a,b\n1,2\n3,4\n', '\ufeff"a","b"\r\n"1",2\r\n-3e5,"4"', '1;2\n3;4'];
    await expectOnlyOurErrors(
      seeds.map((text) => Buffer.from(text)),
      async (bytes) => {
        const { columns } = await readCsv(bytes);
        return columns.reduce((sum, { byteLength }) => sum + byteLength, 0);
      },
      (bytes) => 8 * (bytes + 1),
    );
  });
});
