import { benchCpu } from './bench_cpu.js';
import { benchGpu } from './bench_gpu.js';
import type { Command } from './command.js';
import { demo } from './demo.js';
import { doctor } from './doctor.js';
import { evaluate } from './evaluate.js';
import { inspect } from './inspect.js';
import { paper } from './paper.js';
import { predict } from './predict.js';
import { report } from './report.js';
import { train } from './train.js';

/** All commands, in the order of the help. */
export const commands: readonly Command[] = [
  train,
  evaluate,
  predict,
  inspect,
  report,
  paper,
  benchCpu,
  benchGpu,
  doctor,
  demo,
];

/** What the first words of two-word commands stand for. */
export const groups = { bench: 'Measure the speed: on the CPU, on a GPU' };
