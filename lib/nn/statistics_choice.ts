import * as check from '../check.js';
import type { Network } from './network.js';
import type { StatisticsChoice } from './pass.js';

export interface StatisticsOptions {
  /**
   * What to normalise with: population statistics (default), those of each batch (as in training,
   * which the paper's validation curves show), or moving ones, where `statDecay` keeps them.
   */
  readonly statistics?: StatisticsChoice | undefined;
  /** Takes population statistics that were estimated before the weights changed. Default false. */
  readonly allowStale?: boolean | undefined;
}

export const statisticsOptionNames = ['statistics', 'allowStale'];

/**
 * A user's choice, which a network without normalisation ignores.
 * @throws ERR_BNLSTM_STATISTICS_MISSING, ERR_BNLSTM_STATISTICS_STALE, ERR_BNLSTM_ARGUMENT
 */
export function checkStatisticsChoice(
  network: Network,
  options: StatisticsOptions,
  method: string,
): StatisticsChoice {
  const { statistics = 'population', allowStale = false } = options;
  check.oneOf(statistics, `${method}: statistics`, ['population', 'batch', 'moving']);
  check.boolean(allowStale, `${method}: allowStale`);
  if (!network.normalised) return 'population';
  if (statistics === 'population') network.population.require(allowStale);
  if (statistics === 'moving') {
    const without = network.blueprint.tables.find(({ decay }) => decay === undefined);
    if (without) {
      const expected = "not 'moving', because a layer has no statDecay";
      throw check.argumentError(`${method}: statistics`, expected, `layer ${without.layer}`);
    }
  }
  return statistics;
}
