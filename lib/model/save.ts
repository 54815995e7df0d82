import { writeSafetensors } from '../io/safetensors.js';
import type { Network } from '../nn/network.js';
import { networkFile } from '../nn/network_file.js';
import { takeSnapshot } from '../nn/snapshot.js';

/** Writes parameters and statistics as they are now, whatever is queued meanwhile. */
export async function save(network: Network, path: string): Promise<void> {
  const { tensors, metadata } = networkFile(network, await takeSnapshot(network));
  await writeSafetensors(path, tensors, metadata);
}
