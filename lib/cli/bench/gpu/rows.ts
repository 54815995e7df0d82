import { BnLstmError } from '../../../errors.js';
import { type NativeStream, native } from '../../../native.js';
import { planOps } from '../../../program/op_plans.js';
import { recordPass } from '../record.js';
import { measure, summary, type Timing, type TimingOptions } from '../timing.js';
import { CudnnRunner } from './cudnn.js';
import { estimateMs } from './estimate.js';
import type { GpuPlan } from './plan.js';
import type { CudnnSetting, GpuDType, GpuPass, OwnSetting, Shape } from './settings.js';

/** One result, as `--json` prints it. */
export interface GpuRow extends Shape {
  readonly library: 'bnlstm' | 'cudnn';
  readonly model: 'bn-lstm' | 'lstm';
  /** Ours: which plan served it, or was asked for and did not. cuDNN's: the algorithm. */
  readonly plan: string;
  readonly dtype: GpuDType;
  readonly pass: GpuPass;
  /** Absent where `why` says why there is none. */
  readonly times?: Timing;
  /** cuDNN: which was faster, launched kernel by kernel or replayed as a CUDA graph. */
  readonly launched?: 'host' | 'graph';
  /** See estimateMs; only of GPUs. */
  readonly estimateMs?: number;
  /** Median by estimate. */
  readonly overEstimate?: number;
  readonly why?: string;
}

/** A ten-thousandth of a millisecond is more than events tell. */
const rounded = (ms: number) => Math.round(ms * 1e4) / 1e4;

type Result = Pick<GpuRow, 'times' | 'launched' | 'why'>;

function finish(
  row: Omit<GpuRow, 'estimateMs' | 'overEstimate' | keyof Result>,
  device: string,
  result: Result,
) {
  const norm = row.model === 'bn-lstm' ? 'batch' : 'none';
  const estimate = device.startsWith('cuda')
    ? estimateMs(row, { norm, dtype: row.dtype, pass: row.pass })
    : undefined;
  const { times, ...rest } = result;
  const measured = times && {
    times: {
      msMedian: rounded(times.msMedian),
      msMin: rounded(times.msMin),
      msMax: rounded(times.msMax),
    },
    ...(estimate && { overEstimate: Math.round((100 * times.msMedian) / estimate) / 100 }),
  };
  return { ...row, ...measured, ...rest, ...(estimate && { estimateMs: rounded(estimate) }) };
}

/** What a device cannot do is a row that says so; anything else is a fault. */
const expected = ['ERR_BNLSTM_UNSUPPORTED', 'ERR_BNLSTM_OUT_OF_MEMORY'];

/** A plan that is not known, since there is no program. */
const unknown = '-';

async function ownRow(setting: OwnSetting, timing: TimingOptions): Promise<GpuRow> {
  const { library, device, shape, norm, dtype, pass, plan: asked } = setting;
  const model = norm === 'batch' ? 'bn-lstm' : 'lstm';
  const row = { library, model, dtype, pass, ...shape } as const;
  try {
    return await onStream(setting, async (stream) => {
      const type = dtype === 'bf16' ? 'bf16' : 'f32';
      const recipe = { norm, dtype: type, pass, dx: true, plan: asked } as const;
      const graph = await recordPass(stream, { ...shape, passes: [pass] }, recipe);
      const plan = planOps(graph).ops.find(({ op }) => op === 'bnLstm')?.plan ?? unknown;
      const program = graph.compile();
      const times = await measure(async () => (await program.time({}, 1))[0], timing);
      return finish({ ...row, plan }, device, { times });
    });
  } catch (error) {
    const known = error instanceof BnLstmError && expected.includes(error.code);
    // What a typed array cannot hold is more than any memory.
    if (known || error instanceof RangeError) {
      const plan = asked === 'auto' ? unknown : asked;
      return finish({ ...row, plan }, device, { why: (error as Error).message });
    }
    throw error;
  }
}

/** Runs `use` on a stream of its own, whose memory goes with it. */
async function onStream<T>(
  { device, dtype }: OwnSetting,
  use: (stream: NativeStream) => Promise<T>,
): Promise<T> {
  const stream = new (native().Stream)(device, { threads: 0, tf32: dtype === 'tf32' });
  try {
    return await use(stream);
  } finally {
    stream.dispose();
  }
}

async function cudnnRows(
  { library, device, shape, algorithm, dtype, passes }: CudnnSetting,
  timing: TimingOptions,
  runner: CudnnRunner,
): Promise<readonly GpuRow[]> {
  const settings = { device, algorithm, dtype, ...shape, runs: timing.repeats };
  const answer = await runner.run(settings);
  return passes.map((pass) => {
    const row = { library, model: 'lstm', plan: algorithm, dtype, pass, ...shape } as const;
    if ('failure' in answer) return finish(row, `cuda:${device}`, { why: answer.failure });
    const { times } = answer;
    if (times.refused) return finish(row, `cuda:${device}`, { why: times.refused });
    const [host, graph] =
      pass === 'train' ? [times.train, times.trainGraph] : [times.forward, times.forwardGraph];
    const [fromHost, fromGraph] = [host, graph].map(
      (each) => each.length > 0 && summary([...each]),
    );
    if (!fromHost) return finish(row, `cuda:${device}`, { why: 'cuDNN gave no times' });
    return fromGraph && fromGraph.msMedian < fromHost.msMedian
      ? finish(row, `cuda:${device}`, { times: fromGraph, launched: 'graph' })
      : finish(row, `cuda:${device}`, { times: fromHost, launched: 'host' });
  });
}

/** Measures what is planned, in its order, and gives each row as it is there. */
export async function* gpuRows({ settings, timing }: GpuPlan): AsyncGenerator<GpuRow> {
  const runner = new CudnnRunner();
  try {
    for (const setting of settings) {
      if (setting.library === 'bnlstm') yield await ownRow(setting, timing);
      else yield* await cudnnRows(setting, timing, runner);
    }
  } finally {
    runner.stop();
  }
}
