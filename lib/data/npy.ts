import * as check from '../check.js';
import { dataError } from '../io/bytes.js';
import { type NpyArray, readNpy } from '../io/npy.js';
import { readNpz } from '../io/npz.js';
import {
  type BucketOptions,
  bucketOptionNames,
  checkBucketOptions,
  type FileSource,
  fileSource,
  type TargetKind,
  targetKinds,
  wholeNumbers,
} from './file_source.js';

/** What arrays from NumPy are taken for. */
export interface NumpyOptions extends BucketOptions {
  /**
   * Inputs are token ids [N][T], not reals. Default: whole numbers of 16 bits and more are, of shape
   * [N, T].
   */
  readonly tokens?: boolean | undefined;
  /** Default: whole numbers are classes, others reals. */
  readonly targetKind?: TargetKind | undefined;
  /** What inputs of uint8 are multiplied by. Default 1/255, as for pixels. */
  readonly byteScale?: number | undefined;
}

export interface NpyDataOptions extends NumpyOptions {
  /** Path of the file of the inputs. */
  readonly inputs: string;
  readonly targets?: string | undefined;
  readonly lengths?: string | undefined;
  readonly mask?: string | undefined;
}

export interface NpzDataOptions extends NumpyOptions {
  /** Name of the array of the inputs. Default 'inputs'. */
  readonly inputs?: string | undefined;
  /** Default 'targets', which may be missing; a name that is given must be there. */
  readonly targets?: string | undefined;
  /** Default 'lengths', which may be missing. */
  readonly lengths?: string | undefined;
  /** Default 'mask', which may be missing. */
  readonly mask?: string | undefined;
  /** As that of `readNpz`. */
  readonly maxBytes?: number | undefined;
}

const parts = ['inputs', 'targets', 'lengths', 'mask'] as const;
type Part = (typeof parts)[number];
const numpyOptionNames = ['tokens', 'targetKind', 'byteScale', ...bucketOptionNames];

/** An array with the words for it in messages. */
interface Named extends NpyArray {
  readonly name: string;
}

const shapeOf = ({ shape }: NpyArray) => `(${shape.join(', ')})`;

function wrongShape(array: Named, expected: string) {
  return dataError(array.name, `expected shape ${expected}, got ${shapeOf(array)}`);
}

function refuseElement(array: Named, index: number, expected: string): never {
  throw dataError(array.name, `element ${index}: expected ${expected}, got ${array.data[index]}`);
}

function checkInputs(array: Named, tokens: boolean | undefined, lengths: Int32Array | undefined) {
  const { shape, data, name } = array;
  const [, steps, features = 1] = shape;
  if (tokens ?? (data instanceof Int32Array && shape.length === 2)) {
    if (shape.length !== 2) throw wrongShape(array, '[N, T] of tokens');
    const isPadding = lengths && ((i: number) => i % steps >= lengths[Math.floor(i / steps)]);
    return { inputs: wholeNumbers(data, name, 'a token id', isPadding), steps, features: 1 };
  }
  const inputs = data instanceof Int32Array ? Float32Array.from(data) : data;
  return { inputs, steps, features };
}

function checkLengths(array: Named | undefined, count: number, steps: number) {
  if (!array) return undefined;
  const { shape, data } = array;
  if (shape.length !== 1 || shape[0] !== count) throw wrongShape(array, `(${count})`);
  const lengths = Int32Array.from(data);
  const bad = data.findIndex(
    (length, i) => !(length === lengths[i] && length >= 1 && length <= steps),
  );
  if (bad >= 0) refuseElement(array, bad, `a length from 1 to ${steps}`);
  return lengths;
}

interface Frame {
  readonly count: number;
  readonly steps: number;
  readonly lengths: Int32Array | undefined;
  readonly mask: Named | undefined;
}

function checkTargets(array: Named, kind: TargetKind | undefined, frame: Frame) {
  const { shape, data, name } = array;
  const { count, steps, lengths, mask } = frame;
  const classes = (kind ?? (data instanceof Float32Array ? 'reals' : 'classes')) === 'classes';
  if (shape[0] !== count || data.length === 0) {
    throw wrongShape(array, `(${count}, …), as of the inputs`);
  }
  if (!classes) {
    const perStep = shape.length === 3 && shape[1] === steps;
    if (shape.length !== 3 && shape.length > 2) throw wrongShape(array, '[N], [N, C] or [N, T, C]');
    if (shape.length === 3 && !perStep) throw wrongShape(array, `(${count}, ${steps}, C)`);
    return { perStep, targets: data instanceof Float32Array ? data : Float32Array.from(data) };
  }
  // [N, 1] is a column of a table, but for sequences of one step, where both are the same.
  const perStep = shape.length === 2 && shape[1] === steps && steps > 1;
  if (!perStep && data.length !== count) {
    throw wrongShape(array, `(${count}), or (${count}, ${steps}) for classes of steps`);
  }
  const counts = (i: number) => {
    const step = i % steps;
    return mask?.data[i] !== 0 && !(perStep && lengths && step >= lengths[(i - step) / steps]);
  };
  return { perStep, targets: wholeNumbers(data, name, 'a class', (i) => !counts(i)) };
}

function checkMask(array: Named, perStep: boolean, { count, steps }: Frame): Float32Array {
  const expected = perStep ? [count, steps] : [count];
  if (`${array.shape}` !== `${expected}`) throw wrongShape(array, `(${expected.join(', ')})`);
  const bad = array.data.findIndex((weight) => !(weight >= 0 && weight < Infinity));
  if (bad >= 0) refuseElement(array, bad, 'a weight from 0 on');
  return array.data instanceof Float32Array ? array.data : Float32Array.from(array.data);
}

function sourceOf(
  arrays: Partial<Record<Part, Named>> & { readonly inputs: Named },
  options: NumpyOptions,
  method: string,
): FileSource {
  const { tokens, targetKind, byteScale } = options;
  if (tokens !== undefined) check.boolean(tokens, `${method}: tokens`);
  if (targetKind !== undefined) check.oneOf(targetKind, `${method}: targetKind`, targetKinds);
  if (byteScale !== undefined) check.number(byteScale, `${method}: byteScale`);
  const bucket = checkBucketOptions(options, method, arrays.lengths !== undefined);
  const { shape, data } = arrays.inputs;
  if (shape.length < 2 || shape.length > 3 || data.length === 0) {
    throw wrongShape(
      arrays.inputs,
      '[N, T, D], or [N, T] of tokens or of one real, none of them 0',
    );
  }
  const [count, steps] = shape;
  const lengths = checkLengths(arrays.lengths, count, steps);
  const inputs = checkInputs(arrays.inputs, tokens, lengths);
  const frame = { count, steps, lengths, mask: arrays.mask };
  const targets = arrays.targets && checkTargets(arrays.targets, targetKind, frame);
  const perStep = targets?.perStep ?? false;
  if (arrays.mask && !targets) throw dataError(arrays.mask.name, 'a mask without targets');
  const mask = arrays.mask && checkMask(arrays.mask, perStep, frame);
  const found = { ...inputs, targets: targets?.targets, perStep, lengths, mask, byteScale };
  return fileSource(found, bucket);
}

/**
 * A data source from files of NumPy, one per array: inputs [N, T, D] of reals or [N, T] of token ids
 * (or one real per step), targets [N] or [N, T] of classes, [N], [N, C] or [N, T, C] of reals,
 * lengths [N], mask as the targets without C. Bytes are pixels (`byteScale`); other whole numbers of
 * shape [N, T] are token ids (`tokens`). All options are plain values, as a JSON file has them.
 *
 * @returns a source in memory, whose `form` says what was found
 * @throws ERR_BNLSTM_IO if a file cannot be read; ERR_BNLSTM_DATA if it is damaged or does not fit
 *   the others; ERR_BNLSTM_ARGUMENT
 */
export async function npyData(options: NpyDataOptions): Promise<FileSource> {
  options = check.options(options, 'npyData', [...parts, ...numpyOptionNames]);
  const arrays: Partial<Record<Part, Named>> = {};
  for (const part of parts) {
    const path = options[part];
    if (path === undefined && part !== 'inputs') continue;
    const name = check.string(path, `npyData: ${part}`);
    arrays[part] = { name, ...(await readNpy(name)) };
  }
  return sourceOf({ ...arrays, inputs: arrays.inputs as Named }, options, 'npyData');
}

/**
 * A data source from one file of NumPy (`numpy.savez`), with arrays as those of `npyData` under the
 * names `inputs`, `targets`, `lengths` and `mask`, or others that are given:
 * `npzData('mnist.npz', { inputs: 'x_train', targets: 'y_train' })`.
 *
 * @throws as `npyData`, and ERR_BNLSTM_DATA where the arrays are larger than `maxBytes`
 */
export async function npzData(path: string, options?: NpzDataOptions): Promise<FileSource> {
  const given = check.options(options, 'npzData', [...parts, 'maxBytes', ...numpyOptionNames]);
  check.string(path, 'npzData: path');
  const { maxBytes } = given;
  if (maxBytes !== undefined) check.integer(maxBytes, 'npzData: maxBytes', { min: 1 });
  const names = parts.map((part) => {
    return given[part] === undefined ? part : check.string(given[part], `npzData: ${part}`);
  });
  const needed = names.filter((_, i) => parts[i] === 'inputs' || given[parts[i]] !== undefined);
  const found = await readNpz(path, { names: needed, maxBytes, optional: names });
  const arrays: Partial<Record<Part, Named>> = {};
  for (const [i, part] of parts.entries()) {
    const array = found.get(names[i]);
    if (array) arrays[part] = { name: `${path}: ${names[i]}`, ...array };
  }
  return sourceOf({ ...arrays, inputs: arrays.inputs as Named }, given, 'npzData');
}
