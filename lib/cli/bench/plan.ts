import { argumentError, oneOf, show } from '../../check.js';
import { native } from '../../native.js';
import { integerOption, listOption, numberOption } from '../command.js';
import type { TimingOptions } from './timing.js';
import { dtypes, norms, passes, type Setting, workloads } from './workloads.js';

/** The options of the command, as they came. */
export interface PlanValues {
  readonly workload?: string;
  readonly device?: string;
  readonly dtype?: string;
  readonly norm?: string;
  readonly pass?: string;
  readonly threads?: string;
  readonly repeats?: string;
  readonly seconds?: string;
  readonly dx?: boolean;
}

export interface BenchPlan {
  /** Those of one device, dtype and number of threads follow one another. */
  readonly settings: readonly Setting[];
  readonly timing: TimingOptions;
}

const all = Object.keys(workloads);
const standard = all.filter((name) => !workloads[name].extra);

/** The names that streams give to the devices: `cpu` is one of its forms. */
function devicesOf(text: string | undefined): string[] {
  const names = listOption(text, 'device', (name) => {
    if (/^cpu(:|$)/.test(name)) return name;
    const there = native()
      .probe()
      .devices.map((device) => device.name);
    const known = there.filter((device) => device.startsWith('cpu')).map(show);
    throw argumentError('--device', known.join(' or '), show(name));
  });
  const resolved = (names ?? ['cpu']).map((name) => {
    const stream = new (native().Stream)(name, { threads: 1 }); // says which there are
    try {
      return stream.device;
    } finally {
      stream.dispose();
    }
  });
  return [...new Set(resolved)];
}

/**
 * Everything that is to be measured: the product of what was asked for, less the passes for which
 * a workload is not meant.
 * @throws ERR_BNLSTM_ARGUMENT, ERR_BNLSTM_DEVICE
 */
export function planBench(values: PlanValues): BenchPlan {
  const choice = <const T extends string>(name: keyof PlanValues & string, choices: readonly T[]) =>
    listOption(values[name] as string | undefined, name, (text) =>
      oneOf(text, `--${name}`, choices),
    );
  const chosen = choice('workload', all) ?? standard;
  const chosenPasses = choice('pass', passes) ?? passes;
  const chosenNorms = choice('norm', norms) ?? norms;
  const chosenDtypes = choice('dtype', dtypes) ?? ['f32' as const];
  const threads = listOption(values.threads, 'threads', (text) =>
    integerOption(text, 'threads', { min: 1 }),
  ) as readonly number[] | undefined;
  const timing = {
    repeats: integerOption(values.repeats, 'repeats', { min: 1 }) ?? 9,
    seconds: numberOption(values.seconds, 'seconds', { above: 0 }) ?? 3,
  };
  const dx = values.dx ?? false;

  const settings: Setting[] = [];
  for (const device of devicesOf(values.device))
    for (const dtype of chosenDtypes)
      for (const count of threads ?? [native().probe().threads])
        for (const workload of chosen)
          for (const pass of chosenPasses.filter((each) =>
            workloads[workload].passes.includes(each),
          ))
            for (const norm of chosenNorms)
              settings.push({ workload, norm, dtype, pass, device, threads: count, dx });
  if (settings.length === 0) {
    const meant = chosen.map((name) => `${name}: ${workloads[name].passes.join(', ')}`).join('; ');
    throw argumentError('--pass', `one that a workload has (${meant})`, show(values.pass));
  }
  return { settings, timing };
}
