import type { NativeStream } from '../../lib/native.js';
import { adam } from '../../lib/ops/adam.js';
import { commitStep } from '../../lib/ops/commit_step.js';
import { globalNorm } from '../../lib/ops/global_norm.js';
import { rmsprop } from '../../lib/ops/rmsprop.js';
import { Graph } from '../../lib/program/graph.js';
import type { Program } from '../../lib/program/program.js';
import type { Place } from '../../lib/program/value.js';
import type { OptimizerCase } from '../reference/golden.js';
import type { Comparison } from './comparison.js';
import { DeviceMemory } from './device.js';

/** Both optimizers on the same clipped gradients, each with parameters of its own. */
function record(memory: DeviceMemory, golden: OptimizerCase, parameters: Record<string, Place>) {
  const graph = new Graph(memory.stream);
  const size = golden.gradients[0].length;
  const array = (label: string, place = memory.zeros(size)) =>
    graph.external(label, place, 'f32', [size]);
  const state = graph.external('state', memory.zeros(4), 'i32', [4]);
  const gradients = graph.input('gradients', 'f32', [size]);
  const learningRate = (name: string) => graph.input(`${name} rate`, 'f32', [1]);
  const loss = graph.input('loss', 'f32', [1]);
  const clip = { gradients, loss, state, clipNorm: golden.threshold, sticky: false };
  const { norm, scale } = globalNorm(graph, clip);
  const segments = [{ begin: 0, count: size, rateFactor: 1, weightDecay: 0 }];
  const common = { gradients, scale, state, segments };
  const [first, second] = [array('rmsprop', parameters.rmsprop), array('adam', parameters.adam)];
  rmsprop(graph, {
    ...common,
    parameters: first,
    learningRate: learningRate('rmsprop'),
    meanSquare: array('meanSquare'),
    decay: golden.rmsprop.decay,
    maxScaling: 1e5,
  });
  adam(graph, {
    ...common,
    parameters: second,
    learningRate: learningRate('adam'),
    ...{ m: array('m'), v: array('v'), beta1: 0.9, beta2: 0.999, eps: 1e-8 },
  });
  commitStep(graph, state);
  graph.output('norm', norm);
  graph.output('rmsprop', first);
  graph.output('adam', second);
  return graph.compile();
}

async function runSteps(memory: DeviceMemory, golden: OptimizerCase): Promise<Comparison[]> {
  const { gradients, expected } = golden;
  const size = gradients[0].length;
  const parameters = { rmsprop: memory.zeros(size), adam: memory.zeros(size) };
  const program: Program = record(memory, golden, parameters);
  const comparisons: Comparison[] = [];
  const compare = (tensor: string, actual: ArrayLike<number>, wanted: ArrayLike<number>) =>
    comparisons.push({ tensor, kind: 'gradient', actual, expected: wanted });
  for (const [k, gradient] of gradients.entries()) {
    // From zero each time, so that the step is what is left, to all of its digits.
    for (const place of Object.values(parameters))
      await memory.write(place, new Float32Array(size));
    const result = await program.run({
      gradients: Float32Array.from(gradient),
      loss: Float32Array.of(0),
      'rmsprop rate': Float32Array.of(golden.rmsprop.learningRate),
      'adam rate': Float32Array.of(golden.adam.learningRate),
    });
    compare(`norm ${k}`, result.norm, [expected.norms[k]]);
    compare(
      `rmsprop ${k}`,
      result.rmsprop.map((w) => -w),
      expected.rmspropSteps[k],
    );
    compare(
      `adam ${k}`,
      result.adam.map((w) => -w),
      expected.adamSteps[k],
    );
  }
  program.dispose();
  return comparisons;
}

/** Clipping by the global norm, then Blocks' RMSProp and Adam, step after step. */
export async function compareOptimizers(
  stream: NativeStream,
  golden: OptimizerCase,
): Promise<Comparison[]> {
  const memory = new DeviceMemory(stream);
  try {
    return await runSteps(memory, golden);
  } finally {
    memory.dispose();
  }
}
