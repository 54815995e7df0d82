import * as check from '../check.js';
import { replaceFile } from '../io/atomic.js';
import { makePage } from './page.js';
import { type ReportRun, readLog } from './run_log.js';

export interface ReportOptions {
  /** Heading of the page. Default: the name of the run, or how many there are. */
  readonly title?: string;
}

/**
 * One HTML page about one or several training runs: curves, results, settings, machine and model.
 * It needs no network and no other file. Whatever is in the records is shown as text.
 *
 * @throws ERR_BNLSTM_ARGUMENT without runs, or for records that are none
 */
export function makeReport(runs: readonly ReportRun[], options: ReportOptions = {}): string {
  const { title } = check.options(options, 'makeReport: options', ['title']);
  if (!Array.isArray(runs) || runs.length === 0) {
    throw check.argumentError('makeReport: runs', 'at least one run', check.show(runs));
  }
  const logs = (runs as readonly ReportRun[]).map((run, i) =>
    readLog(run, `makeReport: runs[${i}]`),
  );
  return makePage(logs, title === undefined ? undefined : check.string(title, 'makeReport: title'));
}

/**
 * Writes the page of `makeReport` to a file, which is replaced in one piece.
 *
 * @throws as `makeReport`, and ERR_BNLSTM_IO where the file cannot be written
 */
export async function writeReport(
  path: string,
  runs: readonly ReportRun[],
  options: ReportOptions = {},
): Promise<void> {
  check.string(path, 'writeReport: path');
  await replaceFile(path, [new TextEncoder().encode(makeReport(runs, options))]);
}
