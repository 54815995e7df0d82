import { BnLstmError } from '../errors.js';

/** Whether population statistics exist, and belong to the current weights. */
export type StatisticsStatus = 'missing' | 'fresh' | 'stale';

/** Keeps track of which weights the population statistics were estimated with. */
export class PopulationStatus {
  #estimatedWith: number | undefined;
  readonly #current: () => number;

  /** `current` gives the version of the parameters. */
  constructor(current: () => number) {
    this.#current = current;
  }

  get status(): StatisticsStatus {
    if (this.#estimatedWith === undefined) return 'missing';
    return this.#estimatedWith === this.#current() ? 'fresh' : 'stale';
  }

  /** To be called when tables have been written that belong to this version of the parameters. */
  estimatedWith(version: number): void {
    this.#estimatedWith = version;
  }

  /** To be called when tables and their status have been loaded. */
  loaded(status: StatisticsStatus): void {
    const versions = { missing: undefined, fresh: this.#current(), stale: Number.NaN };
    this.#estimatedWith = versions[status];
  }

  /** @throws ERR_BNLSTM_STATISTICS_MISSING, ERR_BNLSTM_STATISTICS_STALE */
  require(allowStale: boolean): void {
    const { status } = this;
    if (status === 'missing') {
      throw new BnLstmError(
        'ERR_BNLSTM_STATISTICS_MISSING',
        'population statistics were never estimated: call model.estimateStatistics(trainingData)',
      );
    }
    if (status === 'stale' && !allowStale) {
      throw new BnLstmError(
        'ERR_BNLSTM_STATISTICS_STALE',
        'the weights have changed since population statistics were estimated: call ' +
          'model.estimateStatistics(trainingData) again, or pass allowStale: true',
      );
    }
  }
}
