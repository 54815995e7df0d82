// Devices: what there is, and which one `auto` is.
import { BnLstmError } from './errors.js';
import { type NativeProbe, type NativeStream, native } from './native.js';

/** A device as `device` options name it. */
export interface DeviceInfo {
  readonly name: string;
  readonly available: boolean;
  /** What it is; or why it cannot be used. */
  readonly why: string;
}

export interface GpuInfo {
  readonly name: string;
  /** Compute capability, as '9.0'. */
  readonly capability: string;
  /** Bytes. */
  readonly memory: number;
  readonly multiprocessors: number;
}

export interface CudaInfo {
  /** Whether this build has CUDA code. */
  readonly built: boolean;
  /** How many GPUs can be used, or why none can. */
  readonly message: string;
  /** The newest CUDA that the driver serves, as '13.0'; undefined without a driver. */
  readonly driverVersion: string | undefined;
  /** The CUDA that this build needs; undefined where it has no CUDA code. */
  readonly runtimeVersion: string | undefined;
  /** The file of cuBLAS; undefined where it was not found, or there is no GPU to look for it. */
  readonly cublas: string | undefined;
  /** By number: the first is `cuda:0`. */
  readonly gpus: readonly GpuInfo[];
}

/** What this machine and build can compute on. */
export interface DeviceProbe {
  /** `cpu`, its instruction sets, and each GPU as `cuda:N`, or `cuda` where none is usable at all. */
  readonly devices: readonly DeviceInfo[];
  readonly cuda: CudaInfo;
}

/** 13000 as '13.0'; undefined for 0. */
function version(number: number): string | undefined {
  return number === 0
    ? undefined
    : `${Math.floor(number / 1000)}.${Math.floor((number % 1000) / 10)}`;
}

/** What the addon has found, as users see it. */
export function describeProbe({ devices, cuda }: NativeProbe): DeviceProbe {
  const freezeAll = <T extends object>(values: readonly T[]) =>
    Object.freeze(values.map((value) => Object.freeze({ ...value })));
  return Object.freeze({
    devices: freezeAll(devices),
    cuda: Object.freeze({
      built: cuda.built,
      message: cuda.message,
      driverVersion: version(cuda.driverVersion),
      runtimeVersion: version(cuda.runtimeVersion),
      cublas: cuda.cublas || undefined,
      gpus: freezeAll(cuda.gpus),
    }),
  });
}

/**
 * The devices of this machine and build: which can be used, and why the others cannot. Found out
 * once per process; the first call asks the NVIDIA driver, if there is one, and opens cuBLAS where
 * there is a GPU. Nothing is printed and no memory of a GPU is taken.
 * @throws ERR_BNLSTM_ADDON
 */
export function probeDevices(): DeviceProbe {
  return describeProbe(native().probe());
}

/**
 * What kind of device a name stands for: a GPU by its model, whichever number it has, or the CPU with
 * its instruction set. On the same kind the same program gives the same bits.
 */
export function deviceModel(name: string): string {
  const number = /^cuda:(\d+)$/.exec(name)?.[1];
  const gpu = number === undefined ? undefined : native().probe().cuda.gpus[Number(number)];
  return gpu ? `cuda, ${gpu.name}` : name;
}

/** What a stream is opened with. */
export interface DeviceChoice {
  /** A device by name, or 'auto'. */
  readonly device: string;
  /** 0: the engine's choice. */
  readonly threads: number;
  readonly tf32?: boolean;
}

/** What `auto` is, and why. */
export interface Resolved {
  readonly device: string;
  readonly reason: string;
  /** Whether the CPU will do as well: not where somebody asked for the device by name. */
  readonly fallback: boolean;
}

/** The device that `auto` is: the first GPU that can be used, else the CPU. */
export function resolveAuto(probe: () => NativeProbe, override: string | undefined): Resolved {
  if (override && override !== 'auto') {
    return { device: override, reason: `BNLSTM_DEVICE is '${override}'`, fallback: false };
  }
  const { devices, cuda } = probe();
  const gpu = devices.find(({ name, available }) => available && name.startsWith('cuda'));
  if (gpu) {
    const reason = `the first GPU that can be used: ${gpu.why}`;
    return { device: gpu.name, reason, fallback: true };
  }
  return { device: 'cpu', reason: `no GPU can be used: ${cuda.message}`, fallback: false };
}

/** Makes a stream; tests have other ones. */
type Open = (device: string) => NativeStream;

/** As `openStream`, of what `open` makes. */
export function openResolved({ device, reason, fallback }: Resolved, open: Open) {
  try {
    return { stream: open(device), reason };
  } catch (error) {
    if (!(error instanceof BnLstmError) || error.code !== 'ERR_BNLSTM_DEVICE') throw error;
    const { code, message } = error;
    if (!fallback) throw new BnLstmError(code, `${reason}: ${message}`, { cause: error });
    return { stream: open('cpu'), reason: `no GPU can be used: ${message}` };
  }
}

/**
 * Opens the device. `auto` falls back to the CPU and keeps the reason; it prints nothing. A GPU that
 * has failed in this process is no reason to fall back: that would hide it.
 * @throws ERR_BNLSTM_DEVICE, ERR_BNLSTM_DEVICE_LOST, ERR_BNLSTM_ADDON
 */
export function openStream({ device, threads, tf32 = false }: DeviceChoice): {
  stream: NativeStream;
  reason: string;
} {
  const { Stream, probe } = native();
  const open: Open = (name) => new Stream(name, { threads, tf32 });
  if (device !== 'auto') return { stream: open(device), reason: `'${device}' was asked for` };
  return openResolved(resolveAuto(probe, process.env.BNLSTM_DEVICE), open);
}
