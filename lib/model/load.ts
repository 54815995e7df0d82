import * as check from '../check.js';
import { BnLstmError } from '../errors.js';
import { readSafetensors, type Safetensors } from '../io/safetensors.js';
import { Network } from '../nn/network.js';
import { formatVersion, type ModelConfig, snapshotFrom } from '../nn/network_file.js';
import { layerFrom } from '../nn/registry.js';
import { putSnapshot, type Snapshot } from '../nn/snapshot.js';
import { checkDevice, type DeviceOptions, deviceOptionNames } from './device.js';
import { checkDtype } from './dtype.js';
import { checkInput } from './input.js';
import { Model } from './model.js';

/**
 * Makes a model of a file that `model.save` wrote, or of a checkpoint, with the same bits in every
 * parameter and statistic.
 * @throws ERR_BNLSTM_IO where the file cannot be read; ERR_BNLSTM_FORMAT where it is damaged, of
 * another kind, or its tensors are not those of its layers (all differences are listed);
 * ERR_BNLSTM_ARGUMENT, ERR_BNLSTM_DEVICE, ERR_BNLSTM_DEVICE_LOST, ERR_BNLSTM_ADDON,
 * ERR_BNLSTM_OUT_OF_MEMORY
 */
export async function load(path: string, options?: DeviceOptions): Promise<Model> {
  check.string(path, 'load: path');
  const device = checkDevice(check.options(options, 'load', deviceOptionNames), 'load');
  const file = await readSafetensors(path);
  const { network, snapshot } = open(path, file, device);
  try {
    await putSnapshot(network, snapshot);
    return new Model(network);
  } catch (error) {
    network.dispose();
    throw error;
  }
}

/** The network that a file describes, with nothing in it yet, and what belongs there. */
function open(
  path: string,
  { tensors, metadata }: Safetensors,
  device: ReturnType<typeof checkDevice>,
): { network: Network; snapshot: Snapshot } {
  const { format, version, statistics, attempts } = metadata;
  if (format !== 'bnlstm') throw formatError(path, 'it is no model of bnlstm');
  if (version !== formatVersion) {
    throw formatError(path, `its format has version ${version}, expected ${formatVersion}`);
  }
  let network: Network | undefined;
  try {
    const status = check.oneOf(statistics, 'statistics', ['missing', 'fresh', 'stale']);
    const { input, seed, dtype, layers } = JSON.parse(metadata.config ?? '') as ModelConfig;
    network = Network.open({
      ...device,
      input: checkInput(input, 'input'),
      seed: check.seed(seed, 'seed'),
      dtype: checkDtype(dtype, 'dtype'),
      layers: layers.map((layer, index) => layerFrom(layer, `layers[${index}]`)),
    });
    network.attempts = check.integer(Number(attempts), 'attempts', { min: 0 });
    return { network, snapshot: snapshotFrom(network, tensors, status) };
  } catch (cause) {
    network?.dispose();
    // What would be a user's mistake elsewhere is one of the file here.
    const itsFault =
      cause instanceof SyntaxError ||
      cause instanceof TypeError ||
      (cause as BnLstmError).code === 'ERR_BNLSTM_ARGUMENT';
    throw itsFault ? formatError(path, (cause as Error).message, cause) : cause;
  }
}

function formatError(path: string, reason: string, cause?: unknown): BnLstmError {
  return new BnLstmError('ERR_BNLSTM_FORMAT', `${path}: ${reason}`, { cause });
}
