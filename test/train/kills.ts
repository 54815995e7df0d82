import { spawn } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Philox } from '../../lib/random.js';
import { contentOf } from './fit_support.js';

const child = fileURLToPath(new URL('killed_child.mjs', import.meta.url));

/** In microseconds: about what a save takes, and more. */
const longestWait = 40_000;
const sleeper = new Int32Array(new SharedArrayBuffer(4));

/** What killing and resuming has shown. */
export interface KillReport {
  readonly kills: number;
  /** Kills that left a half-written file: in the middle of a save. */
  readonly whileWriting: number;
  /** Kills after the last step before a checkpoint and before it was there, those included. */
  readonly whileSaving: number;
  /** Runs that came to their end, all with the bits of the run that nobody killed. */
  readonly runs: number;
  /** Runs that ended otherwise: what differed, or what they said. */
  readonly failures: readonly string[];
}

interface Life {
  readonly killed: boolean;
  /** 's' and 'c' in their order. */
  readonly progress: string;
  readonly stderr: string;
}

/**
 * One life of a training, killed so many microseconds after its nth step unless it has ended by then.
 */
function live(directory: string, killAfterStep: number, microseconds: number): Promise<Life> {
  return new Promise((resolve) => {
    const process_ = spawn(process.execPath, [child, directory]);
    let [progress, stderr, killed] = ['', '', false];
    process_.stdout.on('data', (data) => {
      const before = progress.split('s').length - 1;
      progress += data;
      const now = progress.split('s').length - 1;
      if (before >= killAfterStep || now < killAfterStep || killed) return;
      Atomics.wait(sleeper, 0, 0, microseconds / 1000); // timers are too coarse
      killed = process_.kill('SIGKILL');
    });
    process_.stderr.on('data', (data) => {
      stderr += data;
    });
    process_.on('close', (_, signal) =>
      resolve({ killed: signal === 'SIGKILL', progress, stderr }),
    );
  });
}

/**
 * Kills trainings by SIGKILL at random moments, most of them within or around a save, and resumes
 * each until it ends; then compares everything in its last checkpoint and in its model with a run
 * that nobody killed.
 */
export async function killTrainings(kills: number, seed: number): Promise<KillReport> {
  const random = new Philox(seed);
  const folder = await mkdtemp(join(tmpdir(), 'bnlstm-kill-'));
  const [failures, counts] = [
    [] as string[],
    { kills: 0, whileWriting: 0, whileSaving: 0, runs: 0 },
  ];
  try {
    const whole = join(folder, 'whole');
    const { stderr } = await live(whole, Number.POSITIVE_INFINITY, 0);
    if (stderr !== '') throw new Error(stderr);
    const names = ['model.safetensors', 'best.safetensors', 'step-00000040.safetensors'];
    const expected = await Promise.all(names.map((name) => contentOf(join(whole, name))));
    for (let run = 0, draw = 0; counts.kills < kills; run++) {
      const directory = join(folder, `run-${run}`);
      for (let _life = 0; ; _life++) {
        const step = 2 + 2 * random.below(3, draw++);
        const { killed, progress, stderr } = await live(
          directory,
          step,
          random.below(longestWait, draw++),
        );
        if (stderr !== '') failures.push(stderr);
        if (!killed || stderr !== '') break;
        counts.kills++;
        if ((await readdir(directory)).some((name) => name.endsWith('.tmp'))) counts.whileWriting++;
        if (/ss?$/.test(progress)) counts.whileSaving++;
      }
      const found = await Promise.all(
        names.map((name) => contentOf(join(directory, name)).catch((error) => ({ error }))),
      );
      for (const [i, content] of found.entries()) {
        if (JSON.stringify(content) !== JSON.stringify(expected[i])) failures.push(names[i]);
      }
      counts.runs++;
      await rm(directory, { recursive: true });
    }
    return { ...counts, failures };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
