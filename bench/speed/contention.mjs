// What happens to two threads when somebody else wants one of the cores: W1, f32, forward and
// backward of the BN-LSTM, by one thread, by two, and by two while another process keeps the first
// core busy. Two contended threads should not need more than 1.5 times what one needs alone.
import { spawn, spawnSync } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { at, capture } from './peers.mjs';

/** @typedef {import('./settings.mjs').Times} Times */

/** @param {number} threads @param {string} workload @param {readonly string[]} args @returns {Promise<Times>} */
async function train(threads, workload, args) {
  const options = ['--norm', 'batch', '--pass', 'train', '--threads', `${threads}`, '--json'];
  const command = [process.execPath, at('dist/cli/main.js'), 'bench', 'cpu', ...options];
  const { code, stdout, stderr } = await capture([...command, '--workload', workload, ...args]);
  if (code !== 0) throw new Error(`bnlstm bench cpu ended with ${code}: ${stderr}`);
  const [{ msMedian, msMin, msMax }] = JSON.parse(stdout);
  return { msMedian, msMin, msMax };
}

/** The first core that this process may use. */
function firstCore() {
  const { stdout } = spawnSync('taskset', ['-cp', `${process.pid}`], { encoding: 'utf8' });
  return /: (\d+)/.exec(stdout ?? '')?.[1];
}

/**
 * @param {string} workload
 * @param {readonly string[]} args passed on to `bnlstm bench cpu`
 */
export async function measureContention(workload, args) {
  const core = firstCore();
  if (core === undefined) return { why: 'missing: taskset: apt-get install util-linux' };
  if (availableParallelism() < 2) return { why: 'there is one core only' };
  const oneThread = await train(1, workload, args);
  const twoThreads = await train(2, workload, args);
  const busy = spawn('taskset', ['-c', core, process.execPath, '-e', 'for (;;);']);
  try {
    const contended = await train(2, workload, args);
    const ratio = Math.round((100 * contended.msMedian) / oneThread.msMedian) / 100;
    return { workload, busyCore: Number(core), oneThread, twoThreads, contended, ratio };
  } finally {
    busy.kill('SIGKILL');
  }
}
