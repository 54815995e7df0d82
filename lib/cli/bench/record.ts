import { BnLstmError } from '../../errors.js';
import type { NativeStream } from '../../native.js';
import { type BnLstmOperands, type BnLstmOptions, bnLstm } from '../../ops/bn_lstm.js';
import { bnLstmPack, packedBytes } from '../../ops/bn_lstm_pack.js';
import { mapStatistics, statisticsShapes } from '../../ops/statistics.js';
import { Graph } from '../../program/graph.js';
import type { Program } from '../../program/program.js';
import type { Value } from '../../program/value.js';
import { Memory } from './memory.js';
import { constant, tokens, uniform } from './numbers.js';
import type { BenchDType, Recipe, Workload } from './workloads.js';

/**
 * The program of one pass of one LSTM layer. All operands are in device memory already and results
 * stay there (but for the last h, which keeps the op alive), so that a run is the op's time and not
 * that of copies. In the training passes packing of the weights is part of the program, since every
 * training step has new ones; for inference it is done here, once.
 * @throws ERR_BNLSTM_UNSUPPORTED if the device lacks the dtype
 */
export async function record(
  stream: NativeStream,
  workload: Workload,
  recipe: Recipe,
): Promise<Program> {
  return (await recordPass(stream, workload, recipe)).compile();
}

/** The same, not yet compiled. */
export async function recordPass(
  stream: NativeStream,
  workload: Workload,
  recipe: Recipe,
): Promise<Graph> {
  const { norm, dtype, pass } = recipe;
  const { steps, batch, hidden, features, vocabulary } = workload;
  const inputs = vocabulary ?? (features as number);
  const graph = new Graph(stream);
  const memory = new Memory(graph, stream);

  const parameters = await memory.parameters(inputs, hidden, recipe);
  const { wx, wh } = parameters as { wx: Value; wh: Value };
  const packing = { directions: 1, inputs, hidden, tokens: vocabulary !== undefined, dtype };
  const packed = memory.room('packed', 'u8', [packedBytes(stream, packing)]);
  const packInto = (target: Graph) => bnLstmPack(target, { ...packing, wx, wh, packed });
  if (pass === 'inference') await once(stream, packInto);
  else packInto(graph);

  const sequence = vocabulary
    ? { tokens: await memory.filled('tokens', 'i32', tokens([steps, batch], vocabulary)) }
    : { x: await memory.filled('x', dtype, uniform([steps, batch, inputs], 1)) };
  const shapes = statisticsShapes(1, steps, hidden, 'step');
  const table = (name: keyof typeof shapes) =>
    memory.filled(name, 'f32', constant(shapes[name], name.endsWith('Var') ? 1 : 0));
  const population =
    norm === 'batch' && pass === 'inference' ? await allOf(mapStatistics(table)) : undefined;

  const operands = { ...parameters, ...sequence, packed, population } as unknown as BnLstmOperands;
  const { y, hT } = bnLstm(graph, operands, options(hidden, recipe));
  if (y.dtype !== dtype) throw lacks(stream, dtype);
  graph.output('hT', hT);
  keep(graph, pass === 'inference' ? ['y'] : ['y', 'saved']);
  if (pass === 'train') {
    const dy = await memory.filled('dy', dtype, uniform(y.shape, 0.01));
    const { x } = sequence as { x?: Value };
    graph.ops.find(({ name }) => name === 'bnLstm')?.gradient?.(memory.gradients(y, dy, recipe, x));
  }
  return graph;
}

function lacks({ device }: NativeStream, dtype: BenchDType): BnLstmError {
  return new BnLstmError(
    'ERR_BNLSTM_UNSUPPORTED',
    `the device ${device} has no bnLstm in ${dtype}`,
  );
}

function options(hidden: number, { norm, dtype, plan }: Recipe) {
  const chosen: BnLstmOptions & { readonly dtype: BenchDType } = {
    directions: 1,
    hidden,
    norm,
    dtype,
    inputStatistics: 'step',
    lengthStatistics: 'valid',
    eps: 1e-5,
    initialState: 'learned',
    noise: 0,
    zoneoutC: 0,
    zoneoutH: 0,
    zoneout: 'sample',
    seed: { low: 1, high: 0 },
    ...(plan && { plan }),
  };
  return chosen;
}

/** Makes bnLstm write outputs that it could do without, though nothing here reads them. */
function keep(graph: Graph, names: readonly string[]): void {
  const index = graph.ops.findIndex(({ name }) => name === 'bnLstm');
  const op = graph.ops[index];
  const optional = new Set([...op.optional].filter((name) => !names.includes(name)));
  graph.ops[index] = { ...op, optional };
}

/** Runs what `add` records, once. */
async function once(stream: NativeStream, add: (graph: Graph) => void): Promise<void> {
  const graph = new Graph(stream);
  add(graph);
  const program = graph.compile();
  await program.run({});
  program.dispose();
}

async function allOf<Name extends string>(
  promises: Record<Name, Promise<Value>>,
): Promise<Record<Name, Value>> {
  const entries = Object.entries<Promise<Value>>(promises);
  const values = await Promise.all(entries.map(async ([name, value]) => [name, await value]));
  return Object.fromEntries(values);
}
