import { BnLstmError } from '../../errors.js';
import { type NativeStream, native } from '../../native.js';
import { floor } from './floor.js';
import { measurePeak } from './peak.js';
import type { BenchPlan } from './plan.js';
import { record } from './record.js';
import { measure, type Timing, wallTime } from './timing.js';
import { type Setting, workloads } from './workloads.js';

/** One result, as `--json` prints it. */
export interface BenchRow
  extends Pick<Setting, 'workload' | 'norm' | 'dtype' | 'pass' | 'threads'>,
    Timing {
  /** The form of the CPU engine: `portable`, `avx512`, ... */
  readonly isa: string;
  /** See `floor`. */
  readonly floorMs: number;
}

/** Thousandths of a millisecond are more than a clock tells. */
const rounded = (ms: number) => Math.round(ms * 1000) / 1000;

/** Runs `use` on a stream of its own, whose memory goes with it. */
async function onStream<T>(
  { device, threads }: Setting,
  use: (stream: NativeStream) => Promise<T>,
): Promise<T> {
  const stream = new (native().Stream)(device, { threads });
  try {
    return await use(stream);
  } finally {
    stream.dispose();
  }
}

/** The reason why a device cannot do this dtype, if it cannot. */
async function lack(setting: Setting): Promise<string | undefined> {
  return onStream(setting, async (stream) => {
    try {
      (await record(stream, workloads['tiny-tokens'], setting)).dispose();
      return undefined;
    } catch (error) {
      if (error instanceof BnLstmError && error.code === 'ERR_BNLSTM_UNSUPPORTED') {
        return error.message;
      }
      throw error;
    }
  });
}

/**
 * Measures what is planned, in its order, and gives each row as it is there. What a device lacks is
 * skipped; `skipped` is told once per device and dtype.
 */
export async function* benchRows(
  { settings, timing }: BenchPlan,
  skipped: (message: string) => void,
): AsyncGenerator<BenchRow> {
  const peak = remember(
    ({ device, dtype, threads }: Setting) => `${device} ${dtype} ${threads}`,
    (setting) => onStream(setting, (stream) => measurePeak(stream, setting.dtype, timing)),
  );
  const able = remember(
    ({ device, dtype }: Setting) => `${device} ${dtype}`,
    async (setting) => {
      const why = await lack(setting);
      if (why !== undefined) skipped(`skipped ${setting.dtype}: ${why}`);
      return why === undefined;
    },
  );
  for (const setting of settings) {
    if (!(await able(setting))) continue;
    const rate = await peak(setting);
    const { workload, norm, dtype, pass, device, threads } = setting;
    const times = await onStream(setting, async (stream) => {
      const program = await record(stream, workloads[workload], setting);
      return measure(() => wallTime(() => program.run({})), timing);
    });
    yield {
      ...{ workload, norm, dtype, pass, isa: device.replace(/^cpu:/, ''), threads },
      msMedian: rounded(times.msMedian),
      msMin: rounded(times.msMin),
      msMax: rounded(times.msMax),
      floorMs: rounded(floor(workloads[workload], setting, rate)),
    };
  }
}

/** `make`, once for all settings with the same key. */
function remember<T>(key: (setting: Setting) => string, make: (setting: Setting) => Promise<T>) {
  const made = new Map<string, Promise<T>>();
  return (setting: Setting): Promise<T> => {
    const known = made.get(key(setting)) ?? make(setting);
    made.set(key(setting), known);
    return known;
  };
}
