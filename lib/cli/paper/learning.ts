import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { load, type Model, type StepResult, type Trainer } from '../../index.js';
import type { Choice, Data, LearningExperiment, Run } from './experiment.js';
import { enter } from './ledger.js';
import type { RunResult, TestResult } from './results.js';

export interface LearningOptions {
  readonly choice: Choice;
  /** One folder for each run is made there. */
  readonly folder: string;
  /** Ends training after the step that runs. */
  readonly signal: AbortSignal;
  readonly say: (line: string) => void;
  /** The results so far, to be written. */
  readonly save: (runs: readonly RunResult[]) => Promise<void>;
}

/** Iterations that a run is ahead of the others at most: several of them end at about the same place. */
const block = 500;

/** Trains all runs in turns, a block each, and tests them. */
export async function learn(
  experiment: LearningExperiment,
  options: LearningOptions,
): Promise<readonly RunResult[]> {
  const { choice, signal, save } = options;
  const { settings } = experiment;
  const iterations = choice.iterations ?? settings.iterations;
  const learners: Learner[] = [];
  try {
    for (const run of experiment.runs(choice)) {
      learners.push(await Learner.open(run, settings, options));
    }
    const results = learners.map(({ result }) => result);
    const saveAll = () => save(results);
    for (let from = 0; from < iterations && !signal.aborted; from += block) {
      for (const learner of learners) {
        await learner.advance(Math.min(from + block, iterations), saveAll);
      }
    }
    for (const learner of learners) {
      learner.result.stoppedBy ??= signal.aborted ? 'aborted' : 'finished';
      await learner.assess();
      await saveAll();
    }
    return results;
  } finally {
    for (const learner of learners) await learner.dispose();
  }
}

/** A run with its model, and what has come of it. */
class Learner {
  readonly result: RunResult;
  readonly #run: Run;
  readonly #data: Data;
  readonly #model: Model;
  readonly #trainer: Trainer;
  readonly #settings: LearningExperiment['settings'];
  readonly #options: LearningOptions;
  #steps: AsyncIterator<StepResult> | undefined;

  private constructor(
    run: Run,
    model: Model,
    data: Data,
    settings: LearningExperiment['settings'],
    options: LearningOptions,
  ) {
    this.#run = run;
    this.#model = model;
    this.#data = data;
    this.#settings = settings;
    this.#options = options;
    this.#trainer = model.trainer(run.training);
    this.result = {
      name: run.name,
      variables: run.variables,
      parameters: model.parameterCount,
      device: model.device,
      iterations: 0,
      seconds: 0,
      curve: { iteration: [], loss: [], accuracy: [], gradientNorm: [] },
      validation: [],
    };
  }

  static async open(
    run: Run,
    settings: LearningExperiment['settings'],
    options: LearningOptions,
  ): Promise<Learner> {
    const model = await run.model();
    return new Learner(run, model, await run.data(), settings, options);
  }

  /** Goes on to `until` iterations in all. */
  async advance(until: number, saveAll: () => Promise<void>): Promise<void> {
    const { batchSize, reportEvery, validateEvery } = this.#settings;
    const { signal } = this.#options;
    const iterations = Number.MAX_SAFE_INTEGER;
    this.#steps ??= this.#trainer.run(this.#data.train, { batchSize, iterations, reportEvery });
    while (this.result.iterations < until && !signal.aborted) {
      const { value } = await this.#steps.next();
      enter(this.result, { type: 'step', ...value });
      if (value.index % validateEvery === 0) await this.#validate(value);
      await saveAll();
    }
  }

  async #validate({ index, epoch }: StepResult): Promise<void> {
    const { batchSize } = this.#settings;
    const { choice, say } = this.#options;
    const { loss, accuracy = Number.NaN } = await this.#model.evaluate(this.#data.valid, {
      statistics: 'batch',
      batchSize,
      limit: choice.limit,
    });
    const best = !this.result.validation.some((point) => point.accuracy >= accuracy);
    enter(this.result, { type: 'validation', index, epoch, loss, accuracy, best });
    const percent = (100 * accuracy).toFixed(2);
    say(`${this.#run.name}, iteration ${index}: validation ${percent} %, loss ${loss.toFixed(4)}`);
    if (!best) return;
    await mkdir(this.#folder, { recursive: true });
    await this.#model.save(this.#best);
  }

  get #folder(): string {
    return join(this.#options.folder, this.#run.name);
  }

  get #best(): string {
    return join(this.#folder, 'best.safetensors');
  }

  /** Population statistics and the test, of the best weights. */
  async assess(): Promise<void> {
    const { choice, say } = this.#options;
    const { device, threads } = choice;
    const best = this.result.validation.reduce<{ iteration: number; accuracy: number } | undefined>(
      (a, b) => (a && a.accuracy >= b.accuracy ? a : b),
      undefined,
    );
    const model = best ? await load(this.#best, { device, threads }) : this.#model;
    try {
      const iteration = best?.iteration ?? this.result.iterations;
      const test = { iteration, ...(await this.#test(model)) };
      this.result.test = test;
      await model.save(join(this.#folder, 'tested.safetensors'));
      const percent = (100 * test.accuracy).toFixed(2);
      say(`${this.#run.name}, weights of iteration ${iteration}: test ${percent} %`);
    } finally {
      if (model !== this.#model) await model.dispose();
    }
  }

  async #test(model: Model): Promise<Omit<TestResult, 'iteration'>> {
    const { train, test } = this.#data;
    const { limit } = this.#options.choice;
    const reading = { batchSize: this.#settings.statisticsBatch, limit };
    const { sequences } = await model.estimateStatistics(train, reading);
    const { loss, accuracy = Number.NaN, count } = await model.evaluate(test, reading);
    const statistics = { sequences, batchSize: reading.batchSize };
    return { loss, accuracy, sequences: count, ...(sequences > 0 && { statistics }) };
  }

  async dispose(): Promise<void> {
    await this.#steps?.return?.();
    this.#trainer.dispose();
    await this.#model.dispose();
  }
}
