import { type Tensor, writeSafetensors } from '../io/safetensors.js';
import type { Network } from '../nn/network.js';
import { copyOf } from '../nn/tables.js';
import { fileEntries, formatVersion, type ModelConfig } from './file.js';

/** Writes parameters and statistics as they are now, whatever is queued meanwhile. */
export async function save(network: Network, path: string): Promise<void> {
  const { status } = network.population;
  const metadata = {
    format: 'bnlstm',
    version: formatVersion,
    config: JSON.stringify(configOf(network)),
    statistics: status,
    attempts: String(network.attempts),
  };
  const none = new Float32Array();
  // Queued at once, so that no step comes in between.
  const [parameters, population = none, moving = none] = await Promise.all([
    network.parameters.read(),
    network.tables.population?.read(),
    network.tables.moving?.read(),
  ]);
  const flat = { parameters, population, moving };
  const tensors = new Map(
    fileEntries(network, status).map(({ name, part, segment }): [string, Tensor] => [
      name,
      { dtype: 'F32', shape: segment.visibleShape, data: copyOf(flat[part], segment) },
    ]),
  );
  await writeSafetensors(path, tensors, metadata);
}

function configOf({ input, seed, dtype, layers }: Network): ModelConfig {
  return {
    input: input.kind === 'tokens' ? { vocabulary: input.vocabulary } : { features: input.width },
    seed,
    dtype,
    layers: layers.map((layer) => layer.toJSON()),
  };
}
