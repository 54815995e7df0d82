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
  /** Results of these runs, where it goes on: they stay until there are newer ones. */
  readonly earlier?: readonly RunResult[];
  /** Ends training after the step that runs. */
  readonly signal: AbortSignal;
  readonly say: (line: string) => void;
  /** Gets the results so far. */
  readonly save: (runs: readonly RunResult[]) => Promise<void>;
}

/** Trains all runs in turns, and tests each when it is finished, or when training ends. */
export async function learn(
  experiment: LearningExperiment,
  options: LearningOptions,
): Promise<void> {
  const { choice, signal, save, earlier = [] } = options;
  const { settings } = experiment;
  const iterations = choice.iterations ?? settings.iterations;
  const learners = experiment.runs(choice).map((run) => {
    const result = earlier.find(({ name }) => name === run.name);
    return new Learner(run, settings, options, result);
  });
  const saveAll = () => save(learners.flatMap(({ result }) => result ?? []));
  try {
    for (let from = 0; from < iterations && !signal.aborted; from += settings.turn) {
      for (const learner of learners) {
        if (signal.aborted) break;
        await learner.advance(Math.min(from + settings.turn, iterations));
        await saveAll();
      }
    }
    for (const learner of learners) {
      await learner.finish();
      await saveAll();
    }
  } finally {
    for (const learner of learners) await learner.dispose();
  }
}

interface Opened {
  readonly data: Data;
  readonly model: Model;
  readonly trainer: Trainer;
}

/** A run with its model, from its first turn to its test, and what has come of it. */
class Learner {
  #opened: Opened | undefined;
  #resume: boolean;
  readonly #folder: string;

  constructor(
    private readonly run: Run,
    private readonly settings: LearningExperiment['settings'],
    private readonly options: LearningOptions,
    public result: RunResult | undefined,
  ) {
    this.#folder = join(options.folder, run.name);
    this.#resume = options.resume;
  }

  /** Goes on to `until` iterations in all, or to the signal. */
  async advance(until: number): Promise<void> {
    if (this.#hasCome(until)) return;
    const { batchSize, turn, reportEvery, validateEvery } = this.settings;
    const { signal, choice } = this.options;
    const { data, model, trainer } = (this.#opened ??= await this.#open());
    const { stoppedBy, index } = await trainer.fit(data.train, {
      batchSize,
      iterations: until,
      reportEvery,
      validation: {
        data: data.valid,
        every: validateEvery,
        statistics: 'batch',
        limit: choice.limit,
      },
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
    const { test } = this.result ?? {};
    this.result = {
      name: this.run.name,
      variables: this.run.variables,
      parameters: model.parameterCount,
      device: model.device,
      iterations: index,
      stoppedBy: stoppedBy === 'finished' && index < this.#total ? 'unfinished' : stoppedBy,
      seconds: trainingSeconds(history),
      curve: curveOf(history, reportEvery),
      validation: validationOf(history),
      ...(test && { test }),
    };
    if (this.result.stoppedBy === 'finished') await this.finish();
  }

  /** Iterations of the whole run. */
  get #total(): number {
    return this.options.choice.iterations ?? this.settings.iterations;
  }

  /** Nothing is left to do in this turn. */
  #hasCome(until: number): boolean {
    if (this.result === undefined) return false;
    const { stoppedBy, iterations, test } = this.result;
    const hasEnded = stoppedBy === 'finished' || stoppedBy === 'not-finite';
    if (hasEnded) return test !== undefined || this.#opened !== undefined;
    return iterations >= until && iterations < this.#total;
  }

  /** The test, once; a run that has had no turn has none. */
  async finish(): Promise<void> {
    if (this.result && this.#opened) await this.#assess(this.result, this.#opened);
    await this.dispose();
  }

  async dispose(): Promise<void> {
    const opened = this.#opened;
    this.#opened = undefined;
    opened?.trainer.dispose();
    await opened?.model.dispose();
  }

  async #open(): Promise<Opened> {
    const data = await this.run.data();
    const model = await this.run.model();
    // A net that diverges is a result, and the other runs go on.
    const trainer = model.trainer({ ...this.run.training, onNaN: 'stop' });
    return { data, model, trainer };
  }

  #say(record: HistoryRecord): void {
    if (record.type !== 'validation') return;
    const { index, loss, accuracy = Number.NaN } = record;
    const percent = (100 * accuracy).toFixed(2);
    const at = `${this.run.name}, iteration ${index}`;
    this.options.say(`${at}: validation ${percent} %, loss ${loss.toFixed(4)}`);
  }

  /** Population statistics and the test, of the best weights; they are kept with them. */
  async #assess(result: RunResult, opened: Opened): Promise<void> {
    const { iterations, validation } = result;
    if (iterations === 0) return;
    const [best] = [...validation].sort((a, b) => b.accuracy - a.accuracy); // the first of the best
    const iteration = best?.iteration ?? iterations;
    if (result.test?.iteration === iteration) return; // of these weights already
    const test = { iteration, ...(await this.#test(opened)) };
    this.result = { ...result, test };
    await opened.model.save(join(this.#folder, 'tested.safetensors'));
    const percent = (100 * test.accuracy).toFixed(2);
    this.options.say(`${this.run.name}, weights of iteration ${iteration}: test ${percent} %`);
  }

  async #test({ data, model }: Opened): Promise<Omit<TestResult, 'iteration'>> {
    const { limit } = this.options.choice;
    const reading = { batchSize: this.settings.statisticsBatch, limit };
    const { sequences } = await model.estimateStatistics(data.train, reading);
    const { loss, accuracy = Number.NaN, count } = await model.evaluate(data.test, reading);
    const statistics = { sequences, batchSize: reading.batchSize };
    return { loss, accuracy, sequences: count, ...(sequences > 0 && { statistics }) };
  }
}
