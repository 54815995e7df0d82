import { argumentError, integer, oneOf, show } from '../../../check.js';
import { cudnnAlgorithms, native } from '../../../native.js';
import { bnLstmPlans } from '../../../ops/bn_lstm.js';
import { integerOption, listOption, numberOption } from '../../command.js';
import type { TimingOptions } from '../timing.js';
import { type Norm, norms } from '../workloads.js';
import {
  type CudnnSetting,
  defaultSteps,
  gpuDtypes,
  gpuPasses,
  type OwnSetting,
  type Shape,
  standardShapes,
} from './settings.js';

/** The options of the command, as they came. */
export interface GpuPlanValues {
  readonly shape?: string;
  readonly device?: string;
  readonly dtype?: string;
  readonly norm?: string;
  readonly pass?: string;
  readonly plan?: string;
  readonly repeats?: string;
  readonly seconds?: string;
}

export interface GpuPlan {
  /** As the addon names it. */
  readonly device: string;
  readonly settings: readonly (OwnSetting | CudnnSetting)[];
  readonly timing: TimingOptions;
}

/** `H,B[,T[,D]]`. */
function parseShape(text: string): Shape {
  const numbers = text.split(',').map((each) => (each.trim() === '' ? Number.NaN : Number(each)));
  if (numbers.length < 2 || numbers.length > 4) {
    throw argumentError('--shape', 'H,B[,T[,D]], several divided by /', show(text));
  }
  const [hidden, batch, steps = defaultSteps, features = hidden] = numbers.map((number) =>
    integer(number, '--shape', { min: 1 }),
  );
  return { hidden, batch, steps, features };
}

/** The full name of a device that must be there. */
function resolve(name: string): string {
  const stream = new (native().Stream)(name, { threads: 0 }); // says why it is not
  try {
    return stream.device;
  } finally {
    stream.dispose();
  }
}

/**
 * Everything that is to be measured, shape by shape: this package's layers, and on a GPU cuDNN's.
 * `deviceOf` gives the full name of a device.
 * @throws ERR_BNLSTM_ARGUMENT, ERR_BNLSTM_DEVICE
 */
export function planGpuBench(values: GpuPlanValues, deviceOf = resolve): GpuPlan {
  const choice = <const T extends string>(
    name: keyof GpuPlanValues & string,
    choices: readonly T[],
  ) => listOption(values[name], name, (text) => oneOf(text, `--${name}`, choices));
  const shapes = values.shape?.split('/').map(parseShape) ?? standardShapes;
  const chosenNorms: readonly Norm[] = choice('norm', norms) ?? norms;
  const passes = choice('pass', gpuPasses) ?? gpuPasses;
  const plans = choice('plan', bnLstmPlans) ?? (['auto'] as const);
  const chosenDtypes = choice('dtype', gpuDtypes);
  const timing = {
    repeats: integerOption(values.repeats, 'repeats', { min: 1 }) ?? 20,
    seconds: numberOption(values.seconds, 'seconds', { above: 0 }) ?? 0.5,
    warmUpSeconds: 0.05,
  };
  const device = deviceOf(values.device ?? 'cuda');
  const number = /^cuda:(\d+)$/.exec(device)?.[1];
  const dtypes = chosenDtypes ?? (number === undefined ? (['f32', 'bf16'] as const) : gpuDtypes);
  const settings = shapes.flatMap((shape) => {
    const own: OwnSetting[] = [];
    for (const dtype of dtypes) {
      if (dtype === 'f16') continue;
      for (const pass of passes)
        for (const norm of chosenNorms)
          for (const plan of plans)
            own.push({ library: 'bnlstm', device, shape, norm, dtype, pass, plan });
    }
    if (number === undefined) return own;
    const theirs = dtypes.flatMap((dtype) =>
      cudnnAlgorithms.map(
        (algorithm): CudnnSetting => ({
          ...{ library: 'cudnn', device: Number(number), shape, algorithm, dtype, passes },
        }),
      ),
    );
    return [...own, ...theirs];
  });
  if (settings.length === 0) {
    throw argumentError('--dtype', 'one that this device has', show(values.dtype));
  }
  return { device, settings, timing };
}
