import { describe, expect, it } from 'vitest';
import { type CsvDataOptions, csvData } from '../../lib/data/csv.js';
import { expectOnlyOurErrors } from '../io/mutate.js';
import { expectError } from '../model/support.js';
import { all } from './contract.js';

const read = (text: string, options: CsvDataOptions) => csvData(Buffer.from(text), options);

describe('csvData, one sequence per line', () => {
  const text = 'label,a,b,c,d\n1,1,2,3,4\n0,5,6,7,8\n2,9,10,11,12\n';

  it('reads classes and one real per step', async () => {
    const data = await read(text, { targets: 'label', scale: 0.5 });
    expect(data.form).toEqual({
      count: 3,
      steps: 4,
      lengths: false,
      inputs: 'reals',
      features: 1,
      targets: 'classes',
      classes: 3,
      perStep: false,
    });
    expect(all(data, { batchSize: 2 })).toEqual([
      {
        inputs: Float32Array.of(0.5, 1, 1.5, 2, 2.5, 3, 3.5, 4),
        targets: Int32Array.of(1, 0),
        size: 2,
        steps: 4,
      },
    ]);
  });

  it('reads several features per step, and columns by place', async () => {
    const data = await read('1,2,3,4,5\n6,7,8,9,10', {
      features: 2,
      targets: [4],
      targetKind: 'reals',
    });
    expect(data.form).toMatchObject({ steps: 2, features: 2, targets: 'reals', width: 1 });
    expect(all(data, { batchSize: 2 })[0]).toMatchObject({
      inputs: Float32Array.of(1, 2, 3, 4, 6, 7, 8, 9),
      targets: Float32Array.of(5, 10),
      steps: 2,
    });
  });

  it('reads names of classes, tokens, and chosen columns', async () => {
    const data = await read('kind;x;y\ncat; 3;1\ndog;0;5\n', {
      delimiter: ';',
      targets: 'kind',
      classes: ['dog', 'cat', 'cow'],
      tokens: true,
      inputs: ['y'],
    });
    expect(data.form).toMatchObject({ inputs: 'tokens', vocabulary: 6, classes: 3, steps: 1 });
    expect(all(data, { batchSize: 2 })[0]).toMatchObject({
      inputs: Int32Array.of(1, 5),
      targets: Int32Array.of(1, 0),
    });
  });

  it('reads data without targets', async () => {
    const data = await read('1,2\n3,4', {});
    expect(data.form).toMatchObject({ count: 2, steps: 2, targets: undefined });
    expect(all(data, { batchSize: 2 })[0].targets).toBeUndefined();
  });

  it.each<[string, string, CsvDataOptions, RegExp]>([
    ['no such column', text, { targets: 'x' }, /no column "x" \(csvData: targets\[0\]\)/],
    [
      'a class that is none',
      'y,a\n0,1\n1.5,2',
      { targets: 'y' },
      /line 3, column "y": expected a class.*"1.5"/,
    ],
    [
      'a class below 0',
      'y,a\n-1,1',
      { targets: 'y' },
      /line 2, column "y": expected a class.*"-1"/,
    ],
    [
      'an unknown name',
      'y,a\ncow,1',
      { targets: 'y', classes: ['cat'] },
      /line 2, column "y": expected one of the classes, got "cow"/,
    ],
    [
      'a token that is none',
      'a,b\n1,2\n1,-2',
      { tokens: true },
      /line 3, column "b": expected a token id/,
    ],
    ['no inputs', 'y\n0\n', { targets: 'y' }, /no column is left for inputs/],
    ['no lines', 'y,a\n', { targets: 'y' }, /no lines but the header/],
  ])('refuses %s', async (_, text, options, message) => {
    await expectError(() => read(text, options), 'ERR_BNLSTM_DATA', message);
  });
});

describe('csvData, one step per line', () => {
  const text = 'id,t,u,v,y\nx,0,1,2,1\nx,5,3,4,1\ny,1,5,6,0\nz,1,7,8,2\nz,2,9,10,2\nz,3,11,12,2\n';
  const options = { sequence: 'id', time: 't', targets: 'y' };

  it('reads sequences of their own lengths with one class each', async () => {
    const data = await read(text, options);
    expect(data.form).toEqual({
      count: 3,
      steps: 3,
      lengths: true,
      inputs: 'reals',
      features: 2,
      targets: 'classes',
      classes: 3,
      perStep: false,
    });
    expect(all(data, { batchSize: 2 })).toEqual([
      {
        inputs: Float32Array.of(1, 2, 3, 4, 5, 6, 0, 0),
        targets: Int32Array.of(1, 0),
        lengths: Int32Array.of(2, 1),
        size: 2,
        steps: 2,
      },
    ]);
  });

  it('reads targets of steps', async () => {
    const data = await read(text, {
      ...options,
      targets: ['y', 'v'],
      targetKind: 'reals',
      perStep: true,
      inputs: ['u'],
      stepMultiple: 2,
    });
    expect(data.form).toMatchObject({ features: 1, targets: 'reals', width: 2, perStep: true });
    expect(all(data, { batchSize: 2 })[0]).toMatchObject({
      inputs: Float32Array.of(1, 3, 5, 0),
      targets: Float32Array.of(1, 2, 1, 4, 0, 6, 0, 0),
    });
  });

  it('has no lengths where all are of one', async () => {
    const data = await read('id,a\n1,2\n1,3\n2,4\n2,5\n', { sequence: 'id', bucketBatches: 5 });
    expect(data.form).toMatchObject({ count: 2, steps: 2, lengths: false });
    expect(all(data, { batchSize: 2 })[0].lengths).toBeUndefined();
  });

  it.each<[string, string, CsvDataOptions, RegExp]>([
    [
      'a sequence in two places',
      'id,a\n1,1\n2,1\n1,1',
      { sequence: 'id' },
      /line 4, column "id": expected the lines of a sequence together, got "1"/,
    ],
    [
      'a sequence without name',
      'id,a\n,1',
      { sequence: 'id' },
      /line 2, column "id": .*an empty cell/,
    ],
    [
      'time that stands',
      'id,t,a\n1,1,1\n1,1,1',
      { sequence: 'id', time: 't' },
      /line 3, column "t": expected more than 1, got "1"/,
    ],
    [
      'a target that changes',
      'id,y,a\n1,1,1\n1,0,1',
      { sequence: 'id', targets: 'y' },
      /line 3, column "y": expected the target of the sequence/,
    ],
    ['no lines', 'id,a\n', { sequence: 'id' }, /no lines but the header/],
  ])('refuses %s', async (_, text, options, message) => {
    await expectError(() => read(text, options), 'ERR_BNLSTM_DATA', message);
  });
});

it('csvData says what is wrong', async () => {
  const given = (options: object) => () => read('y,a,b\n1,1,2\n', options);
  const code = 'ERR_BNLSTM_ARGUMENT';
  await expectError(given({ target: 'y' }), code, /got target/);
  await expectError(given({ targetKind: 'class' }), code, /csvData: targetKind/);
  await expectError(given({ classes: 'abc' }), code, /csvData: classes: expected names/);
  await expectError(given({ classes: ['a'], targetKind: 'reals' }), code, /csvData: classes/);
  await expectError(given({ inputs: 'a' }), code, /csvData: inputs: expected an array/);
  await expectError(given({ inputs: ['y', 'a'], targets: 'y' }), code, /column "y", which/);
  await expectError(given({ targets: ['y', 'a'] }), code, /targets: expected one column of/);
  await expectError(given({ targets: 'y', features: 3 }), code, /a divisor of 2/);
  await expectError(given({ sequence: 'y', features: 2 }), code, /features: expected none with/);
  await expectError(given({ time: 'a' }), code, /time: expected none without the option sequence/);
  await expectError(given({ perStep: true }), code, /perStep: expected none without/);
  await expectError(given({ bucketBatches: 2 }), code, /bucketBatches: expected none without/);
  await expectError(given({ tokens: 1 }), code, /csvData: tokens/);
  await expectError(given({ scale: '1' }), code, /csvData: scale/);
});

it.each<[string, string, CsvDataOptions]>([
  ['a line', 'y,a,b\n1,1,2\n0,3,4\n', { targets: 'y' }],
  ['a step', 'id,t,y,a\nx,1,0,5\nx,2,0,6\ny,1,1,7\n', { sequence: 0, time: 1, targets: 2 }],
])('csvData meets damaged files of %s with its own errors alone', async (_, text, options) => {
  const sequences = async (bytes: Buffer) => (await csvData(bytes, options)).count;
  await expectOnlyOurErrors([Buffer.from(text)], sequences, (bytes) => bytes);
});
