import * as check from '../check.js';
import type { FloatType } from '../native.js';
import { Layer } from '../nn/layer.js';
import { Network } from '../nn/network.js';
import { checkDevice, type DeviceOptions, deviceOptionNames } from './device.js';
import { checkDtype } from './dtype.js';
import { checkInput, type InputOptions } from './input.js';
import { Model } from './model.js';

export interface ModelOptions extends InputOptions, DeviceOptions {
  /** Of initial values, data order and all noise. Default 1. */
  readonly seed?: number | undefined;
  /**
   * Of the values between layers, of their gradients and of the operands of products. 'bf16' has the
   * range of 'f32' and 8 bits of precision; sums, statistics, cell states, parameters and optimizers
   * stay f32, and so do the arrays that come in and go out. Default 'f32'.
   */
  readonly dtype?: FloatType | undefined;
}

/**
 * Builds a model of layers, one after another, on a device.
 * @throws ERR_BNLSTM_ARGUMENT where an option is wrong or a layer cannot follow another;
 * ERR_BNLSTM_DEVICE, ERR_BNLSTM_DEVICE_LOST, ERR_BNLSTM_ADDON, ERR_BNLSTM_OUT_OF_MEMORY
 */
export async function sequential(options: ModelOptions, layers: readonly Layer[]): Promise<Model> {
  const method = 'sequential';
  options = check.options(options, method, [
    'features',
    'vocabulary',
    'seed',
    'dtype',
    ...deviceOptionNames,
  ]);
  const network = Network.open({
    ...checkDevice(options, method),
    seed: check.seed(options.seed ?? 1, `${method}: seed`),
    dtype: checkDtype(options.dtype, `${method}: dtype`),
    input: checkInput(options, method),
    layers: checkLayers(layers, method),
  });
  try {
    await network.initialise();
    return new Model(network);
  } catch (error) {
    network.dispose();
    throw error;
  }
}

function checkLayers(layers: readonly Layer[], method: string): readonly Layer[] {
  if (!Array.isArray(layers) || layers.length === 0) {
    throw check.argumentError(`${method}: layers`, 'an array of layers', check.show(layers));
  }
  return layers.map((layer, index) =>
    check.instance(layer, `${method}: layers[${index}]`, Layer, 'a layer such as lastStep()'),
  );
}
