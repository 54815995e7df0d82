import * as check from '../../check.js';
import { BnLstmError } from '../../errors.js';
import { integerOption } from '../command.js';
import { formatPercent } from '../format.js';
import { openSet, type SetName, setNames, setsOf } from './data.js';
import type { DataConfig } from './data_schema.js';
import { type FlagValues, namedSets } from './flags.js';
import { makeLoss } from './model.js';
import { openSavedRun } from './saved_run.js';

/** The set that was asked for. */
function choose(data: DataConfig, asked: string | undefined): SetName {
  const there = setsOf(data);
  const name =
    asked === undefined
      ? (['test', 'validation'] as const).find((each) => there.includes(each))
      : check.oneOf(asked, '--set', setNames);
  if (name !== undefined && there.includes(name)) return name;
  if (asked === undefined) {
    throw check.argumentError('evaluate', '--test FILE, or --set train', 'no data for a test');
  }
  throw check.argumentError('--set', `one that there is: ${there.join(', ')}`, asked);
}

function withHint(error: unknown): unknown {
  const { code, message } = error as BnLstmError;
  if (!['ERR_BNLSTM_STATISTICS_MISSING', 'ERR_BNLSTM_STATISTICS_STALE'].includes(code))
    return error;
  return new BnLstmError(code, `${message} (here: --estimate)`, { cause: error });
}

/** `bnlstm evaluate` */
export async function runEvaluation(path: string, values: FlagValues): Promise<void> {
  const text = values as Readonly<Record<string, string | undefined>>;
  const batchSize = integerOption(text['batch-size'], 'batch-size', { min: 1 }) ?? 500;
  const limit = integerOption(text.limit, 'limit', { min: 1 });
  const choices = ['population', 'batch', 'moving'] as const;
  const statistics = check.oneOf(text.statistics ?? 'population', '--statistics', choices);
  const { file, config, model } = await openSavedRun(path, values);
  try {
    if (config === undefined) {
      throw check.argumentError('evaluate', `data: no config.json lies beside ${file}`, 'none');
    }
    const named = namedSets(values);
    const onlyTrain = named.has('train') && named.size === 1 && !values.estimate;
    const name = choose(config.data, text.set ?? (onlyTrain ? 'train' : undefined));
    const open = (set: SetName) => openSet(config.data, config.seed, set);
    if (values.estimate) await model.estimateStatistics(await open('train'), config.statistics);
    const data = await open(name);
    const measured = model.evaluate(data, {
      batchSize,
      limit,
      statistics,
      allowStale: values['allow-stale'] === true,
      loss: config.task.loss && makeLoss({ loss: config.task.loss }),
    });
    const result = await measured.catch((error) => {
      throw withHint(error);
    });
    if (values.json) {
      console.log(JSON.stringify({ file, set: name, statistics, ...result }, null, 2));
      return;
    }
    const { loss, accuracy, count } = result;
    const right = accuracy === undefined ? '' : `, accuracy ${formatPercent(accuracy)}`;
    const number = count.toLocaleString('en');
    console.log(`${file}, ${name}: loss ${loss.toPrecision(4)}${right}, ${number} targets`);
  } finally {
    await model.dispose();
  }
}
