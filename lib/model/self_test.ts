import * as check from '../check.js';
import { openStream } from '../device.js';
import type { FloatType } from '../native.js';
import type { BnLstmPlan } from '../ops/bn_lstm.js';
import { Philox } from '../random.js';
import { type BnLstmCase, deviation, runCase } from './bn_lstm_case.js';
import { oracle } from './bn_lstm_oracle.js';
import { checkDevice, type DeviceOptions, deviceOptionNames } from './device.js';
import { checkDtype } from './dtype.js';

export interface SelfTestOptions extends DeviceOptions {
  /** As of a model. Default 'f32'. */
  readonly dtype?: FloatType | undefined;
}

export interface SelfTestTensor {
  readonly name: string;
  /** Largest deviation from the reference, as a share of the tensor's largest value. */
  readonly error: number;
  readonly tolerance: number;
}

export interface SelfTestResult {
  /** Whether every error is within its tolerance. */
  readonly ok: boolean;
  readonly device: string;
  /** Why it is this device. */
  readonly deviceReason: string;
  readonly dtype: FloatType;
  readonly tensors: readonly SelfTestTensor[];
}

/**
 * Of outputs and statistics, and of gradients: float32 against float64. In TF32 the operands of
 * products are off by up to 2^-11 of themselves. In bf16 both sides round at the same places; but a
 * sum that comes out on the other side of a tie is off by 2^-8 of itself.
 */
const tolerances = {
  f32: { value: 3e-6, gradient: 1e-5 },
  tf32: { value: 2e-3, gradient: 4e-3 },
  bf16: { value: 1e-2, gradient: 1e-2 },
};

/**
 * Runs a small batch-normalised LSTM, forward and backward, in both directions and with sequences
 * of different length, on a device, and compares it with the float64 reference that ships with the
 * package; with dtype 'bf16' the reference rounds where the device does.
 * @throws ERR_BNLSTM_ARGUMENT, ERR_BNLSTM_DEVICE, ERR_BNLSTM_DEVICE_LOST, ERR_BNLSTM_ADDON,
 * ERR_BNLSTM_UNSUPPORTED where the device lacks the plan
 */
export async function selfTest(options?: SelfTestOptions): Promise<SelfTestResult> {
  const given = check.options(options, 'selfTest', [...deviceOptionNames, 'dtype']);
  const choice = checkDevice(given, 'selfTest');
  const dtype = checkDtype(given.dtype, 'selfTest: dtype');
  const { stream, reason } = openStream(choice);
  try {
    const testCase = fixedCase(dtype, choice.plan);
    const rounds = dtype === 'f32' && choice.tf32 && !stream.device.startsWith('cpu');
    const allowed = tolerances[rounds ? 'tf32' : dtype];
    const actual = await runCase(stream, testCase);
    const tensors = [...oracle(testCase)].map(([name, expected]): SelfTestTensor => {
      const { error, largest } = deviation(actual.get(name) ?? [], expected);
      const tolerance = allowed[name.startsWith('d') ? 'gradient' : 'value'];
      return { name, error: error / largest, tolerance };
    });
    const ok = tensors.every(({ error, tolerance }) => error <= tolerance);
    return { ok, device: stream.device, deviceReason: reason, dtype, tensors };
  } finally {
    stream.dispose();
  }
}

/** The same on every machine. eps is large, so that float32 loses nothing where rows are few. */
function fixedCase(dtype: FloatType, plan: BnLstmPlan): BnLstmCase {
  const [T, B, D, H, R] = [6, 9, 3, 5, 2];
  let tensors = 0;
  const normal = (count: number, scale: number, mean = 0) => {
    const random = new Philox(1, 0, tensors++);
    return Float64Array.from({ length: count }, (_, i) =>
      Math.fround(mean + scale * random.normal(i)),
    );
  };
  return {
    ...{ T, B, D, H },
    options: {
      directions: R,
      hidden: H,
      norm: 'batch',
      inputStatistics: 'step',
      lengthStatistics: 'valid',
      eps: 0.1,
      // A learned h0 has no gradient: normalisation takes away what all rows have in common.
      initialState: 'rows',
      noise: 0.1,
      zoneoutC: 0,
      zoneoutH: 0,
      zoneout: 'sample',
      seed: { low: 1, high: 0 },
      dtype,
      plan,
    },
    x: normal(T * B * D, 1),
    parameters: {
      wx: normal(R * D * 4 * H, 0.5),
      wh: normal(R * H * 4 * H, 0.5),
      b: normal(R * 4 * H, 0.3),
      gammaX: normal(R * 4 * H, 0.1, 0.5),
      gammaH: normal(R * 4 * H, 0.1, 0.5),
      gammaC: normal(R * H, 0.1, 0.5),
      betaC: normal(R * H, 0.1),
      h0: normal(B * R * H, 0.3),
      c0: normal(B * R * H, 0.3),
    },
    lengths: Int32Array.of(6, 6, 6, 6, 6, 5, 4, 4, 3),
    upstream: {
      dy: normal(T * B * R * H, 1),
      dhT: normal(B * R * H, 1),
      dcT: normal(B * R * H, 1),
    },
  };
}
