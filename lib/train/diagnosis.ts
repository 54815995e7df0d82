import type { HostArray } from '../native.js';
import type { ParameterSegment } from '../nn/builder.js';
import type { CarriedState, Chunk } from '../nn/carried_state.js';
import type { Feed } from '../nn/feed.js';
import { type Loss, recordLoss } from '../nn/loss.js';
import type { Network } from '../nn/network.js';
import { Graph } from '../program/graph.js';
import type { Recompute } from '../recompute.js';

/** How the name of a tensor ends that was given, not computed. */
export const ofTheBatch = 'of the batch';

/** A batch of a step. */
export interface FailedBatch {
  readonly feed: Feed;
  /** Which random numbers it had. */
  readonly attempt: number;
  readonly chunk: Chunk | undefined;
  readonly recompute: Recompute;
}

/** A step whose loss or gradients were not finite, and which therefore changed nothing. */
export interface FailedStep {
  readonly batches: readonly FailedBatch[];
  readonly carried: CarriedState | undefined;
}

/** Where numbers were first not finite. */
export interface NotFinitePlace {
  /** Index of the layer; undefined for the batch and for the loss. */
  readonly layer: number | undefined;
  /** In words: 'inputs[5] of the batch', 'parameter 0.wx', 'output of layer 0 (bnLstm)', ... */
  readonly tensor: string;
}

/**
 * Goes through a failed step once more, looking at everything on the way: batch, parameters, the
 * output of each layer, the loss, gradients from the last layer to the first. As the step changed
 * nothing and its random numbers are a function of `attempt`, it sees what the step saw.
 */
export async function findNotFinite(
  network: Network,
  failed: FailedStep,
  loss: Loss,
): Promise<NotFinitePlace | undefined> {
  const { batches, carried } = failed;
  for (const { feed } of batches) {
    const found = inBatch(feed);
    if (found) return { layer: undefined, tensor: `${found} ${ofTheBatch}` };
  }
  const parameter = faulty(network.blueprint.parameters, await network.parameters.read());
  if (parameter) return { layer: layerOf(parameter), tensor: `parameter ${parameter}` };
  // The state that chunks within a window went on from is no more.
  if (carried && batches.length > 1) return undefined;
  for (const batch of batches) {
    const found = await inPasses(network, batch, carried, loss);
    if (found) return found;
  }
  return undefined;
}

function inBatch(feed: Feed): string | undefined {
  const perStep = feed.shape.rows.length === 2 ? feed : undefined;
  const given = [
    ['inputs', feed.inputs.sequence, feed],
    ['targets', feed.inputs.targets, perStep],
    ['mask', feed.inputs.mask, perStep],
  ] as const;
  for (const [name, values, rows] of given) {
    const index = values ? firstNotFinite(values, rows) : -1;
    if (index >= 0) return `${name}[${index}]`;
  }
  return undefined;
}

async function inPasses(
  network: Network,
  batch: FailedBatch,
  carried: CarriedState | undefined,
  kind: Loss,
): Promise<NotFinitePlace | undefined> {
  const { layers, loss } = await passes(network, batch, carried, kind);
  for (const [index, { values, perStep }] of layers.entries()) {
    if (firstNotFinite(values, perStep ? batch.feed : undefined) < 0) continue;
    const tensor = `output of layer ${index} (${network.layers[index].kind})`;
    return { layer: index, tensor };
  }
  if (!Number.isFinite(loss)) return { layer: undefined, tensor: 'loss' };
  const backwards = [...network.blueprint.parameters].reverse();
  const gradient = faulty(backwards, await network.parameters.readGradients());
  return gradient === undefined
    ? undefined
    : { layer: layerOf(gradient), tensor: `gradient of ${gradient}` };
}

const layerOf = (parameter: string) => Number(parameter.split('.')[0]);

interface LayerOutput {
  readonly values: HostArray;
  /** [B][T][...], not [B][...]. */
  readonly perStep: boolean;
}

/** Forward and backward, with the outputs of all layers; it writes nothing but gradients. */
async function passes(
  network: Network,
  { feed, attempt, chunk, recompute }: FailedBatch,
  carried: CarriedState | undefined,
  kind: Loss,
): Promise<{ layers: LayerOutput[]; loss: number }> {
  const graph = new Graph(network.stream);
  network.packed.record(graph);
  const options = { training: true, statistics: 'batch', recompute, carried } as const;
  const { pass, outputs, layers } = network.forward(graph, feed.shape, options);
  const { loss } = recordLoss(graph, kind, outputs, pass.feed);
  graph.backward(loss);
  const named = layers.map((value, index) => ({ name: `layer ${index}`, value }));
  for (const { name, value } of named) {
    graph.output(name, value, { batchMajor: value.shape.length > 2 });
  }
  graph.output('loss', loss);
  const program = graph.compile();
  try {
    const attempts = Int32Array.of(attempt);
    const running = program.run({ ...feed.inputs, ...chunk?.inputs, attempt: attempts });
    network.packed.packed();
    const results = await running;
    return {
      layers: named.map(({ name, value }) => ({
        values: results[name],
        perStep: value.shape.length > 2,
      })),
      loss: results.loss[0],
    };
  } finally {
    program.dispose();
  }
}

/** The name of the first parameter whose part of a flat array is not finite. */
function faulty(segments: readonly ParameterSegment[], flat: Float32Array): string | undefined {
  return segments.find(
    ({ offset, count }) => firstNotFinite(flat.subarray(offset, offset + count)) >= 0,
  )?.name;
}

/**
 * Index of the first element that is not finite, or -1. Of a batch-major array over the steps of a
 * batch only what is before the end of each row counts.
 */
function firstNotFinite(values: HostArray, batch?: Feed): number {
  if (batch?.lengths === undefined) return values.findIndex((value) => !Number.isFinite(value));
  const { lengths, size, steps } = batch;
  const width = values.length / (size * steps);
  return values.findIndex((value, index) => {
    const step = Math.floor(index / width);
    return !Number.isFinite(value) && step % steps < lengths[Math.floor(step / steps)];
  });
}
