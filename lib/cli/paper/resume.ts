import { stat } from 'node:fs/promises';
import { argumentError } from '../../check.js';
import { readJson } from '../train/config.js';
import type { Choice, LearningExperiment } from './experiment.js';
import type { Results, RunResult } from './results.js';

export async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined;
}

type Earlier = Omit<Results, 'runs'> & { readonly runs: readonly RunResult[] };

/** What an experiment goes on with. */
export interface Continued {
  readonly choice: Choice;
  readonly experiment: LearningExperiment;
  readonly runs: readonly RunResult[];
}

/**
 * Takes up the results in `out`. Iterations that are not asked for are those of the results.
 * @param folder of the runs: what a process leaves that was killed before it had results
 * @throws ERR_BNLSTM_ARGUMENT where there is nothing, or results of other settings; as `readJson`
 */
export async function takeUp(
  experiment: LearningExperiment,
  choice: Choice,
  { out, folder }: { readonly out: string; readonly folder: string },
): Promise<Continued> {
  if (!(await exists(out))) {
    if (await exists(folder)) return { choice, experiment, runs: [] };
    throw argumentError('--resume', `results in ${out}`, 'nothing to go on with');
  }
  const earlier = (await readJson(out)) as unknown as Earlier;
  if (earlier.experiment !== experiment.name || !Array.isArray(earlier.runs)) {
    const expected = `results of ${experiment.name} in ${out}`;
    throw argumentError('--resume', expected, `those of ${earlier.experiment}`);
  }
  refuseOther(earlier, choice, out);
  const iterations = choice.iterations ?? earlier.choice.iterations;
  const total = Number(iterations ?? experiment.settings.iterations);
  const done = Math.max(0, ...earlier.runs.map((run) => run.iterations));
  if (total < done) {
    throw argumentError('--iterations', `at least ${done}, as ${out} has`, `${total}`);
  }
  // Validations have to stay where they were, or the runs could not go on.
  const { validateEvery } = earlier.settings as LearningExperiment['settings'];
  const settings = { ...experiment.settings, validateEvery };
  return {
    choice: { ...choice, iterations: total },
    experiment: { ...experiment, settings },
    runs: earlier.runs.map((run) =>
      run.stoppedBy === 'finished' && run.iterations < total
        ? { ...run, stoppedBy: 'unfinished' }
        : run,
    ),
  };
}

/** Runs go on as they began. */
function refuseOther(earlier: Earlier, choice: Choice, out: string): void {
  const pairs = {
    seed: [earlier.seed, choice.seed],
    decay: [earlier.choice.decay, choice.decay],
    order: [earlier.choice.order, choice.order],
    limit: [earlier.choice.limit, choice.limit],
  };
  for (const [name, [was, is]] of Object.entries(pairs)) {
    if (was === is) continue;
    const expected = was === undefined ? 'none' : `${was}`;
    throw argumentError(
      `--${name}`,
      `${expected}, as in ${out}`,
      is === undefined ? 'none' : `${is}`,
    );
  }
}

/**
 * Iterations between validations, of which one is at the end: as many as the experiment says, or a
 * few less where that divides the iterations.
 */
export function validationInterval(every: number, iterations: number): number {
  const least = Math.ceil(iterations / every);
  for (let count = least; count <= 2 * least; count++) {
    if (iterations % count === 0) return iterations / count;
  }
  return every;
}
