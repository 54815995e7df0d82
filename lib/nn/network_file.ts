import * as check from '../check.js';
import type { Safetensors, Tensor } from '../io/safetensors.js';
import type { FloatType } from '../native.js';
import { type Blueprint, keepsMoving, type Segment, tableSegments } from './builder.js';
import type { LayerConfig } from './layer.js';
import type { Network } from './network.js';
import type { StatisticsStatus } from './population_status.js';
import type { Snapshot } from './snapshot.js';
import { copyOf } from './tables.js';

/** Of the layout of tensors and metadata in a model's file. */
export const formatVersion = '1';

/** Names of tensors that begin so are of training: a checkpoint has them, a model does not. */
export const trainingPrefix = 'training.';

/** What is written to a file. */
export type FileContent = Pick<Safetensors, 'tensors' | 'metadata'>;

/** What a file says of a model, beside its tensors. */
export interface ModelConfig {
  readonly input: { readonly features: number } | { readonly vocabulary: number };
  readonly seed: number;
  /** Absent in files of before there was a choice: f32. Tensors are f32 in any case. */
  readonly dtype?: FloatType;
  readonly layers: readonly LayerConfig[];
}

export function configOf({ input, seed, dtype, layers }: Network): ModelConfig {
  return {
    input: input.kind === 'tokens' ? { vocabulary: input.vocabulary } : { features: input.width },
    seed,
    dtype,
    layers: layers.map((layer) => layer.toJSON()),
  };
}

/** A flat array of a network that a file holds in parts. */
type Part = 'parameters' | 'population' | 'moving';

interface FileEntry {
  /** `0.wx`, `statistics.0.recurrent_mean`, `moving.0.recurrent_mean` */
  readonly name: string;
  readonly part: Part;
  readonly segment: Segment;
}

/** The tensors of a network's file, in their order. */
function fileEntries(blueprint: Blueprint, status: StatisticsStatus): FileEntry[] {
  const entries = (part: Part, prefix: string, segments: readonly Segment[]) =>
    segments.map((segment) => ({ name: `${prefix}${segment.name}`, part, segment }));
  const statistics = tableSegments(blueprint.tables);
  return [
    ...entries('parameters', '', blueprint.parameters),
    ...(status === 'missing' ? [] : entries('population', 'statistics.', statistics)),
    ...(keepsMoving(blueprint) ? entries('moving', 'moving.', statistics) : []),
  ];
}

/** What the file of a network holds: everything that `load` needs. */
export function networkFile(network: Network, snapshot: Snapshot): FileContent {
  const metadata = {
    format: 'bnlstm',
    version: formatVersion,
    config: JSON.stringify(configOf(network)),
    statistics: snapshot.status,
    attempts: String(network.attempts),
  };
  return { tensors: snapshotTensors(network, snapshot), metadata };
}

/** The tensors of a snapshot, their names with a prefix. */
export function snapshotTensors(
  network: Network,
  snapshot: Snapshot,
  prefix = '',
): Map<string, Tensor> {
  const none = new Float32Array();
  return new Map(
    fileEntries(network.blueprint, snapshot.status).map(
      ({ name, part, segment }): [string, Tensor] => [
        prefix + name,
        {
          dtype: 'F32',
          shape: segment.visibleShape,
          data: copyOf(snapshot[part] ?? none, segment),
        },
      ],
    ),
  );
}

/**
 * The snapshot that tensors with a prefix hold.
 * @throws ERR_BNLSTM_ARGUMENT that names every difference, if they are not exactly the expected ones
 */
export function snapshotFrom(
  network: Network,
  tensors: ReadonlyMap<string, Tensor>,
  status: StatisticsStatus,
  prefix = '',
): Snapshot {
  const { blueprint } = network;
  checkTensors(blueprint, tensors, status, prefix);
  const { parameterCount, tableCount } = blueprint;
  // Nothing that the file does not hold: it may claim tables of any size.
  const flat = {
    parameters: new Float32Array(parameterCount),
    population: status === 'missing' ? undefined : new Float32Array(tableCount),
    moving: keepsMoving(blueprint) ? new Float32Array(tableCount) : undefined,
  };
  for (const { name, part, segment } of fileEntries(blueprint, status)) {
    flat[part]?.set((tensors.get(prefix + name) as Tensor).data, segment.offset);
  }
  return { status, ...flat };
}

/**
 * Compares tensors with a prefix to what layers have declared.
 * @throws ERR_BNLSTM_ARGUMENT that names every difference
 */
export function checkTensors(
  blueprint: Blueprint,
  tensors: ReadonlyMap<string, Tensor>,
  status: StatisticsStatus,
  prefix = '',
): void {
  const expected = new Map(
    fileEntries(blueprint, status).map(({ name, segment }) => [
      prefix + name,
      segment.visibleShape,
    ]),
  );
  const own = [...tensors.keys()].filter((name) =>
    prefix === '' ? !name.startsWith(trainingPrefix) : name.startsWith(prefix),
  );
  const show = (shape: readonly number[]) => `[${shape.join(', ')}]`;
  const differences = [
    ...[...expected.keys()]
      .filter((name) => !tensors.has(name))
      .map((name) => `${name} is missing`),
    ...own.filter((name) => !expected.has(name)).map((name) => `${name} is too much`),
  ];
  for (const [name, shape] of expected) {
    const tensor = tensors.get(name);
    if (tensor === undefined) continue;
    if (tensor.dtype !== 'F32' || show(tensor.shape) !== show(shape)) {
      const got = `${tensor.dtype} ${show(tensor.shape)}`;
      differences.push(`${name} is ${got}, expected F32 ${show(shape)}`);
    }
  }
  if (differences.length > 0) {
    throw check.argumentError('tensors', 'those of the layers', differences.join('; '));
  }
}
