import { stat } from 'node:fs/promises';
import { load } from '../index.js';
import { readSafetensors } from '../io/safetensors.js';
import type { Command, Values } from './command.js';
import { formatSeconds } from './format.js';
import { findModel } from './run_folder.js';

const options = {
  json: { type: 'boolean', help: 'print JSON' },
} as const;

/** What is shown of the metadata `training` of a checkpoint. */
interface Training {
  readonly trainer: Readonly<Record<string, unknown>>;
  readonly steps: number;
  readonly cursor: { readonly epoch: number; readonly batches: number };
  readonly loop: {
    readonly seconds: number;
    readonly best: { readonly result: { readonly index: number; readonly loss: number } | null };
  } | null;
}

/** What a file says of itself, without the numbers in it. */
async function examine(file: string) {
  const { size: bytes } = await stat(file);
  const { metadata, sha256 } = await readSafetensors(file); // compares the checksum
  const model = await load(file, { device: 'cpu' });
  try {
    const { parameters, parameterCount, dtype } = model;
    const { status } = await model.statistics();
    const { input, seed, layers } = JSON.parse(metadata.config);
    const training: Training | undefined =
      metadata.training === undefined ? undefined : JSON.parse(metadata.training);
    return {
      file,
      bytes,
      sha256: sha256 ?? null,
      input,
      dtype,
      seed,
      layers,
      parameterCount,
      parameters,
      statistics: status,
      training: training ?? null,
      summary: model.summary(),
    };
  } finally {
    await model.dispose();
  }
}

function describeTraining({ trainer, steps, cursor, loop }: Training): string[] {
  const time = loop ? `, ${formatSeconds(loop.seconds)} of training` : '';
  const best = loop?.best.result;
  return [
    `checkpoint of step ${steps}, epoch ${cursor.epoch} after ${cursor.batches} batches${time}`,
    ...(best ? [`best validation at step ${best.index}: loss ${best.loss.toPrecision(4)}`] : []),
    `trainer ${JSON.stringify(trainer)}`,
  ];
}

async function run({ json }: Values<typeof options>, [path]: readonly string[]): Promise<void> {
  const { file } = await findModel(path);
  const { summary, ...facts } = await examine(file);
  if (json) {
    console.log(JSON.stringify(facts, null, 2));
    return;
  }
  const { bytes, sha256, seed, training } = facts;
  const sum = sha256 === null ? 'it has no checksum' : `sha256 ${sha256}: as it was written`;
  console.log(
    [
      `${file}: ${bytes.toLocaleString('en')} bytes; ${sum}`,
      summary,
      `seed ${seed}`,
      ...(training ? describeTraining(training) : []),
    ].join('\n'),
  );
}

export const inspect: Command<typeof options> = {
  name: 'inspect',
  operands: '<path>',
  summary: 'Say what is in the file of a model or checkpoint',
  details: `
The path is a file, or the folder of a run. The checksum is compared: a file that is not as it was
written ends with ERR_BNLSTM_CHECKSUM. \`--json\` has all parameters with their shapes, and all that a
checkpoint knows of its training.`,
  options,
  run,
};
