import type { NativeStream } from '../../native.js';
import { linear } from '../../ops/linear.js';
import { Graph } from '../../program/graph.js';
import type { Program } from '../../program/program.js';
import type { Shape } from '../../program/value.js';
import { matrixFlops } from './floor.js';
import { uniform } from './numbers.js';
import { record } from './record.js';
import { measure, type TimingOptions, wallTime } from './timing.js';
import type { BenchDType, Workload } from './workloads.js';

/** Something to run, and how many floating-point operations its matrix products have. */
interface Probe {
  readonly flops: number;
  readonly make: (stream: NativeStream) => Promise<Program>;
}

/** y [rows][outputs] = x w by the op `linear`, f32. */
function linearProbe(rows: number, inputs: number, outputs: number): Probe {
  const make = async (stream: NativeStream) => {
    const graph = new Graph(stream);
    const resident = async (label: string, shape: Shape) => {
      const { data } = uniform(shape, 1);
      const place = { array: stream.array(data.byteLength), offset: 0 };
      await stream.write(place.array, 0, data);
      return graph.external(label, place, 'f32', shape);
    };
    const x = await resident('x', [rows, inputs]);
    const w = await resident('w', [inputs, outputs]);
    graph.output('y', linear(graph, x, w));
    return graph.compile();
  };
  return { flops: 2 * rows * inputs * outputs, make };
}

/** The plain LSTM itself, where nearly all is the recurrent product: the only probe in bf16. */
function recurrentProbe(steps: number, batch: number, hidden: number, dtype: BenchDType): Probe {
  const workload: Workload = { steps, batch, hidden, vocabulary: 16, passes: ['inference'] };
  const recipe = { norm: 'none', dtype, pass: 'inference', dx: false } as const;
  const make = (stream: NativeStream) => record(stream, workload, recipe);
  return { flops: matrixFlops(workload, 'inference', false), make };
}

function probesOf(dtype: BenchDType): Probe[] {
  const recurrent = [recurrentProbe(8, 64, 512, dtype), recurrentProbe(2, 256, 1024, dtype)];
  if (dtype === 'bf16') return recurrent;
  return [
    linearProbe(256, 256, 256),
    linearProbe(512, 512, 512),
    linearProbe(2048, 512, 2048),
    ...recurrent,
  ];
}

/**
 * The largest rate of matrix products that the package's own ops reach on this stream, in FLOP/s:
 * the best run of the best of several shapes. It is the peak that `floor` divides by.
 */
export async function measurePeak(
  stream: NativeStream,
  dtype: BenchDType,
  { seconds }: TimingOptions,
): Promise<number> {
  const timing = { repeats: 20, seconds: Math.min(0.5, seconds) };
  let best = 0;
  for (const { flops, make } of probesOf(dtype)) {
    const program = await make(stream);
    const { msMin } = await measure(() => wallTime(() => program.run({})), timing);
    program.dispose();
    best = Math.max(best, flops / (msMin / 1e3));
  }
  return best;
}
