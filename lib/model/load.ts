import * as check from '../check.js';
import { BnLstmError } from '../errors.js';
import { readSafetensors, type Safetensors } from '../io/safetensors.js';
import { Network } from '../nn/network.js';
import { checkTensors, formatVersion, type ModelConfig, snapshotFrom } from '../nn/network_file.js';
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
    throw formatError(
      path,
      `its format has version ${check.show(version)}, expected "${formatVersion}"`,
    );
  }
  let network: Network | undefined;
  try {
    const status = check.oneOf(statistics, 'statistics', ['missing', 'fresh', 'stale']);
    const { input, seed, dtype, layers } = parseConfig(metadata.config);
    network = Network.open({
      ...device,
      input: checkInput(check.options(input, 'input', ['features', 'vocabulary']), 'input'),
      seed: check.seed(seed, 'seed'),
      dtype: checkDtype(dtype, 'dtype'),
      layers: layers.map((layer, index) => layerFrom(layer, `layers[${index}]`)),
      // Before it is made: a small file may describe a model larger than the machine.
      approve: (blueprint) => checkTensors(blueprint, tensors, status),
    });
    network.attempts = parseCount(attempts, 'attempts');
    return { network, snapshot: snapshotFrom(network, tensors, status) };
  } catch (cause) {
    network?.dispose();
    // What would be a user's mistake elsewhere is one of the file here.
    const itsFault =
      cause instanceof SyntaxError || (cause as BnLstmError).code === 'ERR_BNLSTM_ARGUMENT';
    throw itsFault ? formatError(path, (cause as Error).message, cause) : cause;
  }
}

function parseConfig(text = ''): ModelConfig {
  const config = JSON.parse(text) as ModelConfig | null;
  if (!Array.isArray(config?.layers) || config.layers.length === 0) {
    throw check.argumentError('config: layers', 'an array of layers', check.show(config?.layers));
  }
  return config;
}

/** A count as metadata have it, in decimal digits. */
function parseCount(text: string | undefined, name: string): number {
  const digits = text !== undefined && /^\d+$/.test(text);
  return check.integer(digits ? Number(text) : text, name, { min: 0 });
}

function formatError(path: string, reason: string, cause?: unknown): BnLstmError {
  return new BnLstmError('ERR_BNLSTM_FORMAT', `${path}: ${reason}`, { cause });
}
