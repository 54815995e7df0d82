import { basename, dirname, join, resolve } from 'node:path';
import { BnLstmError } from '../errors.js';
import type { Command, Values } from './command.js';
import { runFiles } from './run_folder.js';

const options = {
  out: { type: 'string', value: 'FILE', help: 'the page (default report.html)' },
  title: { type: 'string', value: 'TEXT', help: 'its heading' },
} as const;

/** As short as tells runs apart: the folder, with those above it where two have the same name. */
function runNames(folders: readonly string[]): string[] {
  const paths = folders.map((folder) => resolve(folder));
  const name = (path: string, parts: number): string =>
    parts === 1 ? basename(path) : join(name(dirname(path), parts - 1), basename(path));
  return paths.map((path) => {
    let parts = 1;
    const same = () => paths.filter((other) => name(other, parts) === name(path, parts));
    while (same().some((other) => other !== path)) parts++;
    return name(path, parts);
  });
}

async function run(
  { out = runFiles.report, title }: Values<typeof options>,
  folders: readonly string[],
): Promise<void> {
  const { writeReport } = await import('../report/report.js');
  const { readHistory } = await import('../io/read_history.js');
  const names = runNames(folders);
  const runs = [];
  for (const [index, folder] of folders.entries()) {
    const records = await readHistory(join(folder, runFiles.history)).catch((error) => {
      if (error.code !== 'ERR_BNLSTM_IO') throw error;
      const message = `no run in the folder ${folder}: ${error.message}`;
      throw new BnLstmError(error.code, message, { cause: error });
    });
    runs.push({ name: names[index], records });
  }
  await writeReport(out, runs, title === undefined ? {} : { title });
  console.log(`${folders.length === 1 ? 'One run' : `${folders.length} runs`} in ${out}`);
}

export const report: Command<typeof options> = {
  name: 'report',
  operands: '<folder...>',
  summary: 'Show the curves of one or several runs in one HTML page',
  details: `
Each folder is one of \`bnlstm train --out\`, or any with a history.jsonl. The page needs no network.`,
  options,
  run,
};
