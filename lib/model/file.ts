import type { FloatType } from '../native.js';
import type { Segment } from '../nn/builder.js';
import { tableSegments } from '../nn/builder.js';
import type { LayerConfig } from '../nn/layer.js';
import type { Network } from '../nn/network.js';
import type { StatisticsStatus } from '../nn/population_status.js';

/** Of the layout of tensors and metadata in a model's file. */
export const formatVersion = '1';

/** What a file says of a model, beside its tensors. */
export interface ModelConfig {
  readonly input: { readonly features: number } | { readonly vocabulary: number };
  readonly seed: number;
  /** Absent in files of before there was a choice: f32. Tensors are f32 in any case. */
  readonly dtype?: FloatType;
  readonly layers: readonly LayerConfig[];
}

/** A flat array of a network that a file holds in parts. */
export type Part = 'parameters' | 'population' | 'moving';

export interface FileEntry {
  /** `0.wx`, `statistics.0.recurrent_mean`, `moving.0.recurrent_mean` */
  readonly name: string;
  readonly part: Part;
  readonly segment: Segment;
}

/** The tensors of a network's file, in their order. */
export function fileEntries(network: Network, status: StatisticsStatus): FileEntry[] {
  const { blueprint, tables } = network;
  const entries = (part: Part, prefix: string, segments: readonly Segment[]) =>
    segments.map((segment) => ({ name: `${prefix}${segment.name}`, part, segment }));
  const statistics = tableSegments(blueprint.tables);
  return [
    ...entries('parameters', '', blueprint.parameters),
    ...(status === 'missing' ? [] : entries('population', 'statistics.', statistics)),
    ...(tables.moving ? entries('moving', 'moving.', statistics) : []),
  ];
}
