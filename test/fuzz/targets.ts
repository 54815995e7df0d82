import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  arrayData,
  bnLstm,
  crossEntropy,
  lastStep,
  linear,
  load,
  rmsprop,
  sequential,
} from '../../lib/index.js';
import { parseHistory } from '../../lib/io/read_history.js';
import { makeSafetensors, readSafetensors, type Tensor } from '../../lib/io/safetensors.js';
import { parse } from '../../lib/io/safetensors_parse.js';
import type { Mutator } from './mutate.js';

export interface Target {
  /** A file that is near to one in order. */
  make(mutator: Mutator): Buffer;
  /** Reads it, and throws a BnLstmError, or an Error if something is not as it was promised. */
  read(bytes: Buffer): unknown;
  close?(): void | Promise<void>;
}

/** What was promised is not so. */
function promised(condition: boolean, what: string): void {
  if (!condition) throw new Error(`not as promised: ${what}`);
}

const metadata = {
  format: 'bnlstm',
  version: '1',
  config: JSON.stringify({
    input: { features: 1 },
    seed: 1,
    dtype: 'f32',
    layers: [
      {
        kind: 'bidirectional',
        options: {
          layer: {
            kind: 'bnLstm',
            options: { hidden: 1, maxSteps: 2, inputInit: { kind: 'orthogonal', options: {} } },
          },
        },
      },
      { kind: 'lastStep', options: {} },
      { kind: 'dropout', options: { rate: 0.5 } },
      {
        kind: 'linear',
        options: { outputs: 2, init: { kind: 'uniform', options: { min: 0, max: 1 } } },
      },
    ],
  }),
  statistics: 'missing',
  attempts: '3',
};
const shapes: Readonly<Record<string, readonly number[]>> = {
  '0.wx': [2, 1, 4],
  '0.wh': [2, 1, 4],
  '0.b': [2, 4],
  '0.gamma_x': [2, 4],
  '0.gamma_h': [2, 4],
  '0.gamma_c': [2, 1],
  '0.beta_c': [2, 1],
  '0.h0': [2, 1],
  '0.c0': [2, 1],
  '3.w': [2, 2],
  '3.b': [2],
};
const modelTensors = new Map(
  Object.entries(shapes).map(([name, shape]): [string, Tensor] => {
    const data = new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(0.5);
    return [name, { dtype: 'F32', shape, data }];
  }),
);
const otherTensors = new Map<string, Tensor>([
  ['w', { dtype: 'F32', shape: [2, 2], data: Float32Array.of(1, -1, NaN, Infinity) }],
  ['none', { dtype: 'F32', shape: [0, 7], data: new Float32Array() }],
  ['0', { dtype: 'I32', shape: [3], data: Int32Array.of(1, 2, 3) }],
  ['scalar', { dtype: 'I32', shape: [], data: Int32Array.of(-1) }],
]);

/** Prefix and padded header; without a checksum, as other programs write files. */
function withHeader(text: string, data: Uint8Array): Buffer {
  const json = Buffer.from(text);
  const prefix = Buffer.alloc(8);
  const padded = Buffer.alloc(Math.ceil(json.length / 8) * 8, ' ');
  padded.set(json);
  prefix.writeBigUInt64LE(BigInt(padded.length));
  return Buffer.concat([prefix, padded, data]);
}

const model = Buffer.concat(makeSafetensors(modelTensors, metadata));
const seeds = [
  model,
  Buffer.concat(makeSafetensors(otherTensors, { a: 'b' })),
  Buffer.concat(makeSafetensors(new Map(), {})),
  withHeader('{"w":{"shape":[1],"dtype":"I32","data_offsets":[0,4]}}', Buffer.alloc(4)),
];

function zeroed(bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes);
  copy.fill('0', Math.min(35, copy.length), Math.min(99, copy.length));
  return copy;
}
/** As docs/files.md says it. */
const checksum = (bytes: Buffer) => createHash('sha256').update(zeroed(bytes)).digest('hex');

/** With the right checksum where there is room for one: what is behind it is to be read too. */
function sealed(bytes: Buffer): Buffer {
  const start = '{"__metadata__":{"sha256":"';
  if (bytes.toString('latin1', 8, 35) === start) bytes.write(checksum(bytes), 35);
  return bytes;
}

const safetensors: Target = {
  make(mutator) {
    const seed = mutator.pick(seeds);
    if (mutator.below(2) === 0) {
      const bytes = mutator.bytes(seed, mutator.pick(seeds));
      return mutator.below(4) === 0 ? sealed(bytes) : bytes;
    }
    const end = 8 + Number(seed.readBigUInt64LE());
    let header: unknown = JSON.parse(seed.toString('utf8', 8, end));
    for (let left = 1 + mutator.below(3); left > 0; left--) header = mutator.json(header);
    const bytes = withHeader(JSON.stringify(header), seed.subarray(end));
    return mutator.below(4) === 0 ? bytes : sealed(bytes);
  },
  read(bytes) {
    const parser = parse(bytes.length, {});
    let asked = 0;
    let next = parser.next();
    while (!next.done) {
      const { into, position } = next.value;
      promised(position >= 0 && position + into.length <= bytes.length, 'it reads in the file');
      asked += into.length;
      into.set(bytes.subarray(position, position + into.length));
      next = parser.next();
    }
    promised(asked === bytes.length, 'a file that is taken is read once');
    const file = next.value;
    for (const { shape, data } of file.tensors.values()) {
      promised(shape.reduce((a, b) => a * b, 1) === data.length, 'shapes and data fit');
    }
    if (file.sha256 !== undefined) {
      promised(checksum(bytes) === file.sha256, 'a file with a checksum has the right one');
    }
    promised(Object.getPrototypeOf(file.metadata) === null, 'metadata have no prototype');
  },
};

const lines = readFileSync(new URL('history.jsonl', import.meta.url));

const history: Target = {
  make(mutator) {
    if (mutator.below(2) === 0) return mutator.bytes(lines, lines);
    const records: unknown[] = lines
      .toString()
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    const at = mutator.below(records.length);
    records[at] = mutator.json(records[at]);
    return Buffer.from(records.map((record) => `${JSON.stringify(record)}\n`).join(''));
  },
  read(bytes) {
    const whole = bytes.reduce((count, byte) => count + (byte === 0x0a ? 1 : 0), 0);
    promised(parseHistory(bytes).length === whole, 'every whole line is a record');
  },
};

/** Sound files of models that are not; `load` takes them from a folder. */
function modelTarget(): Target {
  const folder = mkdtempSync(join(tmpdir(), 'bnlstm-fuzz-'));
  const path = join(folder, 'model.safetensors');
  return {
    make(mutator) {
      const changed: Record<string, string> = { ...metadata };
      if (mutator.below(4) === 0) {
        const key = mutator.pick(Object.keys(changed));
        const value = mutator.json(changed[key]);
        changed[key] = typeof value === 'string' ? value : JSON.stringify(value);
      } else {
        let config: unknown = JSON.parse(metadata.config);
        for (let left = 1 + mutator.below(3); left > 0; left--) config = mutator.json(config);
        changed.config = JSON.stringify(config);
      }
      return Buffer.concat(makeSafetensors(modelTensors, changed));
    },
    async read(bytes) {
      writeFileSync(path, bytes);
      const loaded = await load(path, { device: 'cpu', threads: 1 });
      await loaded.dispose();
    },
    close: () => rmSync(folder, { recursive: true }),
  };
}

/** Sound files of checkpoints that are not; a trainer takes them up. */
async function checkpointTarget(): Promise<Target> {
  const folder = mkdtempSync(join(tmpdir(), 'bnlstm-fuzz-'));
  const layers = [bnLstm({ hidden: 2, maxSteps: 3 }), lastStep(), linear(2)];
  const trained = await sequential({ features: 1, device: 'cpu', threads: 1 }, layers);
  const trainer = trained.trainer({
    loss: crossEntropy(),
    optimizer: rmsprop({ learningRate: 1e-3 }),
  });
  const inputs = Float32Array.from({ length: 24 }, (_, i) => i % 5);
  const targets = Int32Array.from({ length: 8 }, (_, i) => i % 2);
  const data = arrayData({ inputs, targets, steps: 3 });
  const directory = join(folder, 'run');
  const validation = { data };
  await trainer.fit(data, {
    batchSize: 4,
    epochs: 1,
    directory,
    validation,
    earlyStopping: { patience: 2 },
  });
  const sound = await readSafetensors(join(directory, 'step-00000002.safetensors'));
  const path = join(folder, 'checkpoint.safetensors');
  return {
    make(mutator) {
      const tensors = new Map(sound.tensors);
      const changed = { ...sound.metadata };
      if (mutator.below(8) === 0) {
        const names = [...tensors.keys()];
        const name = mutator.pick(names);
        const other = tensors.get(mutator.pick(names)) as Tensor;
        if (mutator.below(2) === 0) tensors.delete(name);
        else tensors.set(name, other);
      } else {
        let training: unknown = JSON.parse(changed.training);
        for (let left = 1 + mutator.below(3); left > 0; left--) training = mutator.json(training);
        changed.training = JSON.stringify(training);
      }
      return Buffer.concat(makeSafetensors(tensors, changed));
    },
    read(bytes) {
      writeFileSync(path, bytes);
      return trainer.restore(path);
    },
    async close() {
      trainer.dispose();
      await trained.dispose();
      rmSync(folder, { recursive: true });
    },
  };
}

export const targets = {
  safetensors: () => safetensors,
  history: () => history,
  model: modelTarget,
  checkpoint: checkpointTarget,
} satisfies Record<string, () => Target | Promise<Target>>;
