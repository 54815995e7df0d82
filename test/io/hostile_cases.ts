/**
 * Files that are damaged, hostile or of something else, with the error that each must give. The
 * folder `hostile` has their bytes; `BNLSTM_UPDATE_HOSTILE=1 npx vitest run test/io/hostile.test.ts`
 * writes them anew.
 */
import { makeSafetensors, type Tensor } from '../../lib/io/safetensors.js';

export interface HostileCase {
  readonly name: string;
  readonly bytes: Buffer;
  readonly code: 'ERR_BNLSTM_FORMAT' | 'ERR_BNLSTM_CHECKSUM' | 'ERR_BNLSTM_OUT_OF_MEMORY';
  readonly message: RegExp;
}

/** A file with this header text (padded to 8 bytes) and so many bytes of data; no checksum. */
export function file(header: unknown, dataBytes = 0, padding = ' '): Buffer {
  const text = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header));
  const padded = Math.ceil(text.length / 8) * 8;
  const out = Buffer.alloc(8 + padded + dataBytes, padding);
  out.writeBigUInt64LE(BigInt(padded));
  out.set(text, 8);
  return out;
}

export const f32 = (shape: unknown, begin: number, end: number) => ({
  dtype: 'F32',
  shape,
  data_offsets: [begin, end],
});

const none = '"dtype":"F32","shape":[0],"data_offsets":[0,0]';
const deep = '['.repeat(5000) + ']'.repeat(5000);
const digits = '0'.repeat(64);

// A model: bnLstm of one unit, and a linear layer.
const shapes: Readonly<Record<string, readonly number[]>> = {
  '0.wx': [1, 4],
  '0.wh': [1, 4],
  '0.b': [4],
  '0.gamma_x': [4],
  '0.gamma_h': [4],
  '0.gamma_c': [1],
  '0.beta_c': [1],
  '0.h0': [1],
  '0.c0': [1],
  '1.w': [1, 2],
  '1.b': [2],
};
const recurrent = { kind: 'bnLstm', options: { hidden: 1, maxSteps: 1 } };
interface Config {
  input: unknown;
  seed: unknown;
  dtype?: unknown;
  layers: { kind: unknown; options: Record<string, unknown> }[];
}
type Metadata = Record<string, string>;

function model(
  change: (tensors: Map<string, Tensor>, metadata: Metadata) => void = () => {},
): Buffer {
  const tensors = new Map(
    Object.entries(shapes).map(([name, shape], index): [string, Tensor] => {
      const count = shape.reduce((a, b) => a * b, 1);
      return [name, { dtype: 'F32', shape, data: new Float32Array(count).fill(index / 8) }];
    }),
  );
  const layers = [recurrent, { kind: 'linear', options: { outputs: 2 } }];
  const metadata = {
    format: 'bnlstm',
    version: '1',
    config: JSON.stringify({ input: { features: 1 }, seed: 1, dtype: 'f32', layers }),
    statistics: 'missing',
    attempts: '0',
  };
  change(tensors, metadata);
  return Buffer.concat(makeSafetensors(tensors, metadata));
}

const withMetadata = (change: Metadata) => model((_, metadata) => Object.assign(metadata, change));
const withoutMetadata = (key: string) => model((_, metadata) => delete metadata[key]);
const withConfig = (change: (config: Config) => void) =>
  model((_, metadata) => {
    const config = JSON.parse(metadata.config) as Config;
    change(config);
    metadata.config = JSON.stringify(config);
  });
const withLayer = (kind: unknown, options: unknown) =>
  withConfig(({ layers }) => {
    layers[0] = { kind, options } as Config['layers'][number];
  });
const withOption = (name: string, value: unknown) =>
  withConfig(({ layers }) => {
    layers[0].options[name] = value;
  });

/** A model that is in order: without it the others would prove nothing. */
export const goodModel = model();

function damaged(at: number, value: string): Buffer {
  const bytes = Buffer.from(goodModel);
  bytes.write(value, at < 0 ? bytes.length + at : at, 'latin1');
  return bytes;
}
const headerEnd = 8 + Number(goodModel.readBigUInt64LE());
const withLength = (length: bigint) => {
  const bytes = Buffer.from(goodModel);
  bytes.writeBigUInt64LE(length);
  return bytes;
};

type Row = readonly [string, Buffer, RegExp];

/** Of the structure of a file: `readSafetensors` refuses them. */
const structure: readonly Row[] = [
  ['empty', Buffer.alloc(0), /0 bytes are too few/],
  ['cut-in-prefix', goodModel.subarray(0, 7), /7 bytes are too few/],
  ['cut-after-prefix', goodModel.subarray(0, 8), /claims \d+ bytes, at most 0 are possible/],
  ['cut-in-header', goodModel.subarray(0, 200), /claims \d+ bytes, at most 192/],
  ['cut-after-header', goodModel.subarray(0, headerEnd), /take 112 bytes, the file has 0/],
  ['cut-between-tensors', goodModel.subarray(0, headerEnd + 16), /take 112 .* has 16/],
  ['cut-in-tensor', goodModel.subarray(0, headerEnd + 18), /take 112 .* has 18/],
  ['cut-by-one', goodModel.subarray(0, -1), /take 112 bytes, the file has 111/],
  ['one-too-long', Buffer.concat([goodModel, Buffer.alloc(1)]), /take 112 .* has 113/],
  ['length-0', withLength(0n), /not JSON/],
  ['length-beyond-file', withLength(BigInt(goodModel.length - 7)), /claims \d+ bytes, at most/],
  ['length-2-63', withLength(2n ** 63n), /claims 9223372036854776000 bytes, at most/],
  ['all-ones', Buffer.alloc(64, 0xff), /claims 18446744073709552000 bytes, at most 56/],
  ['padded-with-nul', file('{}', 0, '\0'), /not JSON/],
  ['byte-order-mark', file('\ufeff{}'), /not JSON/],
  ['not-utf8', file('{"\xff": 1}').fill(0xff, 10, 11), /not JSON/],
  ['not-json', file('{"w": '), /not JSON/],
  ['json-with-nan', file('{"w":{"shape":[NaN]}}'), /not JSON/],
  ['two-objects', file('{}{}'), /not JSON/],
  ['list', file([1]), /not a JSON object/],
  ['null', file('null'), /not a JSON object/],
  ['deep-list', file(deep), /not a JSON object/],
  ['deep-tensor', file(`{"w":${deep}}`), /"w" is not an object/],
  ['deep-dtype', file(`{"w":{"dtype":${deep}}}`), /dtype an array of 1, expected/],
  ['deep-shape', file(`{"w":{"dtype":"F32","shape":${deep}}}`), /no valid shape/],
  ['deep-metadata', file(`{"__metadata__":{"a":${deep}}}`), /"a" is not a string/],
  ['dtype-unknown', file({ w: { ...f32([2], 0, 4), dtype: 'BF16' } }, 4), /"w" has dtype "BF16"/],
  ['dtype-lower-case', file({ w: { ...f32([1], 0, 4), dtype: 'f32' } }, 4), /dtype "f32"/],
  ['dtype-missing', file({ w: { shape: [1], data_offsets: [0, 4] } }, 4), /dtype undefined/],
  ['dtype-long', file({ w: { dtype: 'x'.repeat(5000) } }), /dtype "x{60}…", expected F32 or I32$/],
  [
    'dtype-with-constructor',
    file('{"w":{"dtype":{"constructor":{"name":{"toString":1,"valueOf":1}}}}}'),
    /dtype an object, expected/,
  ],
  ['shape-missing', file({ w: { dtype: 'F32', data_offsets: [0, 4] } }, 4), /no valid shape/],
  ['shape-negative', file({ w: f32([-1], 0, 4) }, 4), /no valid shape/],
  ['shape-twice-negative', file({ w: f32([-1, -1], 0, 4) }, 4), /no valid shape/],
  ['shape-fractional', file({ w: f32([0.5, 2], 0, 4) }, 4), /no valid shape/],
  ['shape-of-strings', file({ w: f32(['1'], 0, 4) }, 4), /no valid shape/],
  ['shape-object', file({ w: f32({ length: 1, 0: 1 }, 0, 4) }, 4), /no valid shape/],
  ['shape-unsafe', file(`{"w":{${none.replace('[0]', '[9007199254740993]')}}}`), /no valid shape/],
  ['shape-huge', file({ w: f32([2 ** 40, 2 ** 40], 0, 4) }, 4), /needs 4\.8\d+e\+24/],
  [
    'shape-overflow', // the product is 1 in 64 bits
    file({ w: f32([3, 6148914691236517, 3003, 333667], 0, 4) }, 4),
    /has 4 bytes, its shape .* needs/,
  ],
  [
    'shape-infinite',
    file({ w: f32(Array(25).fill(2 ** 52), 0, 0) }),
    /its shape \[(4503599627370496, ){8}…\] needs Infinity/,
  ],
  ['shape-infinite-times-0', file({ w: f32([...Array(25).fill(2 ** 52), 0], 0, 0) }), /needs NaN/],
  ['size-wrong', file({ w: f32([3], 0, 8) }, 8), /has 8 bytes, its shape \[3\] needs 12/],
  ['offsets-turned', file({ w: f32([1], 4, 0) }, 4), /no valid data_offsets/],
  ['offsets-negative', file({ w: f32([2], -4, 4) }, 4), /no valid data_offsets/],
  ['offsets-one', file({ w: { ...f32([1], 0, 4), data_offsets: [0] } }, 4), /no valid data_off/],
  ['offsets-three', file({ w: { ...f32([1], 0, 4), data_offsets: [0, 4, 4] } }, 4), /no valid/],
  ['offsets-beyond-file', file({ w: f32([2 ** 30], 0, 2 ** 32) }, 4), /take 4294967296 bytes/],
  ['gap', file({ a: f32([1], 0, 4), b: f32([1], 8, 12) }, 12), /a gap before tensor "b"/],
  ['gap-at-start', file({ a: f32([1], 4, 8) }, 8), /a gap before tensor "a" at data byte 4/],
  ['gap-at-end', file({ a: f32([1], 0, 4) }, 8), /take 4 bytes, the file has 8/],
  ['overlap', file({ a: f32([2], 0, 8), b: f32([1], 4, 8) }, 8), /an overlap with tensor "b"/],
  ['overlap-whole', file({ a: f32([1], 0, 4), b: f32([1], 0, 4) }, 4), /overlap with tensor "b"/],
  ['no-tensors-but-data', file('{}', 8), /take 0 bytes, the file has 8/],
  ['name-twice', file(`{"a":{${none}}, "\\u0061" : 1}`), /has "a" twice/],
  ['key-twice', file(`{"a":{"shape":[1],${none}}}`), /has "shape" twice/],
  ['metadata-twice', file('{"__metadata__":{},"__metadata__":{}}'), /has "__metadata__" twice/],
  ['metadata-key-twice', file('{"__metadata__":{"a":"1","a":"2"}}'), /has "a" twice/],
  ['proto-number', file('{"__proto__":1}'), /tensor "__proto__" is not an object/],
  ['proto-tensor', file(`{"a":{"__proto__":{${none}}}}`), /tensor "a" has dtype undefined/],
  ['constructor', file('{"constructor":{"prototype":{}}}'), /"constructor" has dtype undefined/],
  ['tensor-number', file({ w: 3 }), /"w" is not an object/],
  ['tensor-null', file({ w: null }), /"w" is not an object/],
  ['metadata-list', file({ __metadata__: [] }), /__metadata__ is not an object/],
  ['metadata-null', file({ __metadata__: null }), /__metadata__ is not an object/],
  ['metadata-number', file({ __metadata__: { step: 3 } }), /"step" is not a string/],
  ['metadata-object', file({ __metadata__: { a: { b: '' } } }), /"a" is not a string/],
];

const checksums: readonly Row[] = [
  [
    'data-changed',
    damaged(-1, '\x01'),
    /its sha256 is [0-9a-f]{64}, it was written with "[0-9a-f]/,
  ],
  ['sha256-changed', damaged(35, goodModel[35] === 0x30 ? '1' : '0'), /its sha256 is/],
  ['sha256-zero', damaged(35, digits), /its sha256 is .* with "0{60}/],
  [
    'sha256-short',
    file('{"__metadata__":{"sha256":"00","checksum":"sha256"}}'),
    /not where it was/,
  ],
  ['sha256-renamed', damaged(goodModel.indexOf('sha256'), 'sha25_'), /not where it was written/],
  ['checksum-renamed', damaged(goodModel.indexOf('"checksum"'), '"checksun"'), /its sha256 is/],
  [
    'written-again-by-others',
    file(`{"__metadata__":{"checksum":"sha256","format":"bnlstm","sha256":"${digits}"}}`),
    /not where it was written/,
  ],
];

const bidirectional = (layer: unknown) => ({ kind: 'bidirectional', options: { layer } });
let nested: unknown = recurrent;
for (let i = 0; i < 300; i++) nested = bidirectional(nested);

/** Sound files, but not of a model that can be made: `load` refuses them. */
const models: readonly Row[] = [
  ['of-nobody', withoutMetadata('format'), /it is no model of bnlstm/],
  ['of-another-program', withMetadata({ format: 'pt' }), /it is no model of bnlstm/],
  ['of-the-future', withMetadata({ version: '2' }), /version "2", expected "1"/],
  ['without-version', withoutMetadata('version'), /version undefined, expected "1"/],
  ['statistics-unknown', withMetadata({ statistics: 'new' }), /statistics: expected "missing" or/],
  ['statistics-not-there', withMetadata({ statistics: 'fresh' }), /statistics\.0\.\w+ is missing/],
  ['attempts-nan', withMetadata({ attempts: 'NaN' }), /attempts: expected an integer ≥ 0, got "N/],
  ['attempts-negative', withMetadata({ attempts: '-1' }), /attempts/],
  ['attempts-empty', withMetadata({ attempts: '' }), /attempts/],
  ['attempts-unsafe', withMetadata({ attempts: '9007199254740993' }), /attempts/],
  ['attempts-infinite', withMetadata({ attempts: '9'.repeat(400) }), /attempts/],
  ['config-missing', withoutMetadata('config'), /JSON/],
  ['config-cut', withMetadata({ config: '{' }), /JSON/],
  ['config-null', withMetadata({ config: 'null' }), /config: layers/],
  ['config-list', withMetadata({ config: '[]' }), /config: layers/],
  ['config-deep', withMetadata({ config: deep }), /config: layers/],
  ['layers-missing', withMetadata({ config: '{"input":{"features":1},"seed":1}' }), /layers/],
  ['layers-none', withMetadata({ config: '{"layers":[]}' }), /layers/],
  ['layers-string', withMetadata({ config: '{"layers":"bnLstm"}' }), /layers/],
  ['layers-like', withMetadata({ config: '{"layers":{"length":1,"map":1}}' }), /layers/],
  [
    'layer-null',
    withMetadata({ config: '{"input":{"features":1},"seed":1,"layers":[null]}' }),
    /got n/,
  ],
  ['layer-unknown', withLayer('gru', {}), /layers\[0\]: kind: .*got "gru"/],
  ['layer-proto', withLayer('__proto__', {}), /layers\[0\]: kind: .*got "__proto__"/],
  ['layer-constructor', withLayer('constructor', {}), /kind: .*got "constructor"/],
  ['layer-of-list', withLayer(['bnLstm'], {}), /kind: .*got an array of 1/],
  [
    'layers-in-wrong-order',
    withConfig(({ layers }) => layers.reverse()),
    /0\.w is missing.*0\.wx is too much/,
  ],
  ['layers-that-do-not-fit', withLayer('embedding', { width: 3 }), /embedding: input/],
  ['options-null', withLayer('bnLstm', null), /layers\[0\]: options: expected an object, got null/],
  ['options-string', withLayer('bnLstm', 'hidden'), /options: expected an object, got "hidden"/],
  ['options-list', withLayer('linear', [1]), /options: expected an object, got an array/],
  ['option-unknown', withOption('hiden', 1), /only the options .*got hiden/],
  ['option-long', withOption('x'.repeat(5000), 1), /got x{60}…$/],
  ['hidden-0', withOption('hidden', 0), /bnLstm: hidden: expected an integer ≥ 1, got 0/],
  ['hidden-string', withOption('hidden', '1'), /bnLstm: hidden/],
  ['hidden-object', withOption('hidden', { valueOf: 1, toString: 1 }), /bnLstm: hidden/],
  ['hidden-null', withOption('hidden', null), /bnLstm: hidden/],
  [
    'hidden-large',
    withOption('hidden', 2 ** 20),
    /0\.wh is F32 \[1, 4\], expected F32 \[1048576, /,
  ],
  ['max-steps-0', withOption('maxSteps', 0), /bnLstm: maxSteps/],
  ['eps-0', withOption('eps', 0), /bnLstm: eps/],
  ['init-null', withOption('inputInit', null), /inputInit: expected an options object, got null/],
  ['init-unknown', withOption('inputInit', { kind: 'he' }), /inputInit: kind/],
  ['init-wrong', withOption('inputInit', { kind: 'constant', options: {} }), /constant: value/],
  ['init-gates', withOption('inputInit', { kind: 'identity', options: { gates: 'g' } }), /gates/],
  ['bidirectional-of-none', withLayer('bidirectional', {}), /bidirectional: layer: kind/],
  ['bidirectional-deep', withConfig((c) => c.layers.splice(0, 1, nested as never)), /got "bidirec/],
  ['input-missing', withConfig((config) => delete config.input), /features, vocabulary: .*neither/],
  [
    'input-both',
    withConfig((config) => {
      config.input = { features: 1, vocabulary: 1 };
    }),
    /features, vocabulary: expected one of them, got both/,
  ],
  [
    'input-null',
    withConfig((config) => {
      config.input = null;
    }),
    /input: expected an options object, got null/,
  ],
  [
    'seed-negative',
    withConfig((config) => {
      config.seed = -1;
    }),
    /seed: expected an integer ≥ 0, got -1/,
  ],
  [
    'dtype-of-model',
    withConfig((config) => {
      config.dtype = 'f64';
    }),
    /dtype: expected "f32" or "bf16", got "f64"/,
  ],
  ['tensor-missing', model((tensors) => tensors.delete('0.b')), /got 0\.b is missing$/],
  [
    'tensor-too-much',
    model((tensors) => tensors.set('5.w', tensors.get('1.b') as Tensor)),
    /got 5\.w is too much$/,
  ],
  [
    'tensor-of-integers',
    model((tensors) => tensors.set('1.b', { dtype: 'I32', shape: [2], data: new Int32Array(2) })),
    /1\.b is I32 \[2\], expected F32 \[2\]$/,
  ],
  [
    'tensors-of-another-model',
    model((tensors) => {
      tensors.clear();
      tensors.set('lstm.weight_ih_l0', { dtype: 'F32', shape: [0], data: new Float32Array() });
    }),
    /0\.wx is missing; .*1\.b is missing; lstm\.weight_ih_l0 is too much$/,
  ],
  ['without-checksum-and-tensors', file({ __metadata__: { format: 'bnlstm' } }), /version undef/],
];

const tooLarge: readonly Row[] = [
  ['hidden-2-26', withOption('hidden', 2 ** 26), /0\.wh alone needs 7205759\d+ bytes/],
  ['hidden-2-53', withOption('hidden', 2 ** 53 - 1), /0\.wx alone needs \d+ bytes/],
  [
    'features-2-53',
    withConfig((config) => {
      config.input = { features: 2 ** 53 - 1 };
    }),
    /0\.wx alone needs \d+ bytes/,
  ],
];

const rows = (list: readonly Row[], code: HostileCase['code']): HostileCase[] =>
  list.map(([name, bytes, message]) => ({ name, bytes, code, message }));

/** Refused by `readSafetensors`. */
export const hostileFiles: readonly HostileCase[] = [
  ...rows(structure, 'ERR_BNLSTM_FORMAT'),
  ...rows(checksums, 'ERR_BNLSTM_CHECKSUM'),
];

/** Taken by `readSafetensors`, refused by `load`. */
export const hostileModels: readonly HostileCase[] = [
  ...rows(models, 'ERR_BNLSTM_FORMAT'),
  ...rows(tooLarge, 'ERR_BNLSTM_OUT_OF_MEMORY'),
];
