import { join } from 'node:path';
import { type HistoryRecord, type Model, readHistory, type Trainer } from '../../index.js';
import { curveOf, trainingSeconds, validationOf } from './curve.js';
import type { Choice, Data, LearningExperiment, Run } from './experiment.js';
import type { RunResult, TestResult } from './results.js';

export interface LearningOptions {
  readonly choice: Choice;
  /** One folder for each run is made there. */
  readonly folder: string;
  /** Goes on with the runs that the folder has. */
  readonly resume: boolean;
  /** Ends training after the step that runs. */
  readonly signal: AbortSignal;
  readonly say: (line: string) => void;
  /** Gets the results so far. */
  readonly save: (runs: readonly RunResult[]) => Promise<void>;
}

/** Trains all runs in turns, and tests them. */
export async function learn(
  experiment: LearningExperiment,
  options: LearningOptions,
): Promise<void> {
  const { choice, signal, save } = options;
  const { settings } = experiment;
  const iterations = choice.iterations ?? settings.iterations;
  const learners: Learner[] = [];
  const saveAll = () => save(learners.flatMap(({ result }) => result ?? []));
  try {
    for (const run of experiment.runs(choice)) {
      learners.push(await Learner.open(run, settings, options));
    }
    for (let from = 0; from < iterations && !signal.aborted; from += settings.turn) {
      for (const learner of learners) {
        await learner.advance(Math.min(from + settings.turn, iterations));
        await saveAll();
      }
    }
    for (const learner of learners) {
      await learner.assess();
      await saveAll();
    }
  } finally {
    for (const learner of learners) await learner.dispose();
  }
}

/** A run with its model, and what has come of it. */
class Learner {
  result: RunResult | undefined;
  readonly #run: Run;
  readonly #data: Data;
  readonly #model: Model;
  readonly #trainer: Trainer;
  readonly #settings: LearningExperiment['settings'];
  readonly #options: LearningOptions;
  readonly #folder: string;
  #resume: boolean;

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
    this.#folder = join(options.folder, run.name);
    this.#resume = options.resume;
    this.#trainer = model.trainer(run.training);
  }

  static async open(
    run: Run,
    settings: LearningExperiment['settings'],
    options: LearningOptions,
  ): Promise<Learner> {
    const data = await run.data();
    return new Learner(run, await run.model(), data, settings, options);
  }

  /** Goes on to `until` iterations in all, or to the signal. */
  async advance(until: number): Promise<void> {
    if (this.result?.stoppedBy === 'not-finite') return;
    const { batchSize, iterations, turn, reportEvery, validateEvery } = this.#settings;
    const { signal, choice } = this.#options;
    const { valid, train } = this.#data;
    const total = choice.iterations ?? iterations;
    const { stoppedBy, index } = await this.#trainer.fit(train, {
      batchSize,
      iterations: until,
      reportEvery,
      validation: { data: valid, every: validateEvery, statistics: 'batch', limit: choice.limit },
      // The best weights are put back at the end: no patience, as in the paper.
      earlyStopping: { monitor: 'accuracy', patience: Number.MAX_SAFE_INTEGER },
      statistics: false,
      directory: this.#folder,
      checkpoint: { every: turn, keep: 2 },
      resume: this.#resume,
      signal,
      onRecord: (record) => this.#say(record),
    });
    this.#resume = true; // the next turn goes on from here
    const history = await readHistory(join(this.#folder, 'history.jsonl'));
    this.result = {
      name: this.#run.name,
      variables: this.#run.variables,
      parameters: this.#model.parameterCount,
      device: this.#model.device,
      iterations: index,
      stoppedBy: stoppedBy === 'finished' && index < total ? 'unfinished' : stoppedBy,
      seconds: trainingSeconds(history),
      curve: curveOf(history, reportEvery),
      validation: validationOf(history),
    };
  }

  #say(record: HistoryRecord): void {
    if (record.type !== 'validation') return;
    const { index, loss, accuracy = Number.NaN } = record;
    const percent = (100 * accuracy).toFixed(2);
    const at = `${this.#run.name}, iteration ${index}`;
    this.#options.say(`${at}: validation ${percent} %, loss ${loss.toFixed(4)}`);
  }

  /** Population statistics and the test, of the best weights; they are kept with them. */
  async assess(): Promise<void> {
    if (this.result === undefined) return; // the budget ended before its first turn
    const { iterations, validation } = this.result;
    const [best] = [...validation].sort((a, b) => b.accuracy - a.accuracy); // the first of the best
    const iteration = best?.iteration ?? iterations;
    const test = { iteration, ...(await this.#test()) };
    this.result = { ...this.result, test };
    await this.#model.save(join(this.#folder, 'tested.safetensors'));
    const percent = (100 * test.accuracy).toFixed(2);
    this.#options.say(`${this.#run.name}, weights of iteration ${iteration}: test ${percent} %`);
  }

  async #test(): Promise<Omit<TestResult, 'iteration'>> {
    const { train, test } = this.#data;
    const { limit } = this.#options.choice;
    const reading = { batchSize: this.#settings.statisticsBatch, limit };
    const { sequences } = await this.#model.estimateStatistics(train, reading);
    const { loss, accuracy = Number.NaN, count } = await this.#model.evaluate(test, reading);
    const statistics = { sequences, batchSize: reading.batchSize };
    return { loss, accuracy, sequences: count, ...(sequences > 0 && { statistics }) };
  }

  async dispose(): Promise<void> {
    this.#trainer.dispose();
    await this.#model.dispose();
  }
}
