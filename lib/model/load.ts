import * as check from '../check.js';
import { BnLstmError } from '../errors.js';
import { readSafetensors, type Safetensors, type Tensor } from '../io/safetensors.js';
import { Network } from '../nn/network.js';
import type { StatisticsStatus } from '../nn/population_status.js';
import { layerFrom } from '../nn/registry.js';
import { checkDevice, type DeviceOptions, deviceOptionNames } from './device.js';
import { checkDtype } from './dtype.js';
import { type FileEntry, fileEntries, formatVersion, type ModelConfig, type Part } from './file.js';
import { checkInput } from './input.js';
import { Model } from './model.js';

/**
 * Makes a model of a file that `model.save` wrote, with the same bits in every parameter and
 * statistic.
 * @throws ERR_BNLSTM_IO where the file cannot be read; ERR_BNLSTM_FORMAT where it is damaged, of
 * another kind, or its tensors are not those of its layers (all differences are listed);
 * ERR_BNLSTM_ARGUMENT, ERR_BNLSTM_DEVICE, ERR_BNLSTM_DEVICE_LOST, ERR_BNLSTM_ADDON,
 * ERR_BNLSTM_OUT_OF_MEMORY
 */
export async function load(path: string, options?: DeviceOptions): Promise<Model> {
  check.string(path, 'load: path');
  const device = checkDevice(check.options(options, 'load', deviceOptionNames), 'load');
  const file = await readSafetensors(path);
  const { network, status } = open(path, file, device);
  try {
    await fill(network, fileEntries(network, status), file.tensors);
    network.population.loaded(status);
    return new Model(network);
  } catch (error) {
    network.dispose();
    throw error;
  }
}

/** The network that a file describes, with nothing in it yet. */
function open(
  path: string,
  { tensors, metadata }: Safetensors,
  device: ReturnType<typeof checkDevice>,
): { network: Network; status: StatisticsStatus } {
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
    compare(fileEntries(network, status), tensors);
    return { network, status };
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

/** Refuses tensors that are not exactly those expected, naming every difference. */
function compare(entries: readonly FileEntry[], tensors: ReadonlyMap<string, Tensor>): void {
  const expected = new Map(entries.map(({ name, segment }) => [name, segment.visibleShape]));
  const show = (shape: readonly number[]) => `[${shape.join(', ')}]`;
  const differences = [
    ...[...expected.keys()]
      .filter((name) => !tensors.has(name))
      .map((name) => `${name} is missing`),
    ...[...tensors.keys()]
      .filter((name) => !expected.has(name))
      .map((name) => `${name} is too much`),
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

async function fill(
  { blueprint, parameters, tables }: Network,
  entries: readonly FileEntry[],
  tensors: ReadonlyMap<string, Tensor>,
): Promise<void> {
  const flat: Record<Part, Float32Array> = {
    parameters: new Float32Array(blueprint.parameterCount),
    population: new Float32Array(blueprint.tableCount),
    moving: new Float32Array(blueprint.tableCount),
  };
  for (const { name, part, segment } of entries) {
    flat[part].set((tensors.get(name) as Tensor).data, segment.offset);
  }
  await Promise.all([
    parameters.write(flat.parameters),
    tables.population?.write(flat.population),
    tables.moving?.write(flat.moving),
  ]);
}

function formatError(path: string, reason: string, cause?: unknown): BnLstmError {
  return new BnLstmError('ERR_BNLSTM_FORMAT', `${path}: ${reason}`, { cause });
}
