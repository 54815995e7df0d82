import {
  bidirectional,
  bnLstm,
  crossEntropy,
  dropout,
  embedding,
  identity,
  type Layer,
  lastStep,
  linear,
  lstm,
  type Model,
  meanSquaredError,
  sequential,
} from '../../index.js';
import type { RunConfig } from './schema.js';
import type { Task } from './task.js';

type ModelConfig = RunConfig['model'];

/**
 * The configuration with what depends on the data: the defaults that the paper has for MNIST, and as
 * many steps with statistics of their own as the longest sequence has.
 */
export function settleModel({ model, data }: RunConfig, { steps }: Task): ModelConfig {
  const isMnist = data.kind === 'mnist';
  const { recurrentInit = isMnist ? 'identity' : 'orthogonal' } = model;
  if (model.kind === 'lstm') return { ...model, recurrentInit };
  // Its black borders have no variance, and gradients would explode.
  const noise = isMnist && data.pixelOrder === 'scanline' ? 0.1 : 0;
  const { maxSteps = steps, initialNoise = noise } = model;
  return { ...model, recurrentInit, maxSteps, initialNoise };
}

function recurrentLayer(model: ModelConfig) {
  const { hidden, forgetBias, zoneoutCell, zoneoutHidden } = model;
  const recurrentInit = model.recurrentInit === 'identity' ? identity({ gates: ['g'] }) : undefined;
  const common = { hidden, forgetBias, zoneoutCell, zoneoutHidden, recurrentInit };
  if (model.kind === 'lstm') return lstm(common);
  const { gammaInit, initialNoise, inputStatistics, eps, maxSteps = 1 } = model;
  return bnLstm({ ...common, gammaInit, initialNoise, inputStatistics, eps, maxSteps });
}

/** The model of a settled configuration. */
export function makeModel(config: RunConfig, task: Task): Promise<Model> {
  const { model, seed, device, threads, plan } = config;
  const layers: Layer[] = [];
  if (model.embedding !== undefined) layers.push(embedding(model.embedding));
  for (let i = 1; i <= model.layers; i++) {
    const layer = recurrentLayer(model);
    layers.push(model.bidirectional ? bidirectional(layer) : layer);
    // Right behind its layer: the two directions end at opposite ends.
    if (i === model.layers && !task.everyStep) layers.push(lastStep());
    if (model.dropout > 0) layers.push(dropout(model.dropout));
  }
  layers.push(linear(task.outputs));
  const { features, vocabulary } = task;
  const { dtype } = model;
  return sequential({ features, vocabulary, seed, device, threads, plan, dtype }, layers);
}

export function makeLoss({ loss }: Pick<Task, 'loss'>) {
  return loss === 'cross-entropy' ? crossEntropy() : meanSquaredError();
}
