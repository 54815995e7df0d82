// One process at a time in this tree: set-up and builds.
import {
  mkdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { root } from './tools.mjs';

const cache = join(root, '.cache');
const lock = join(cache, 'lock');
const owner = join(lock, 'owner');
const heartbeat = 2_000; // ms
const silence = 60_000; // after so long without a heartbeat the holder is gone

/** @param {string} path */
function take(path) {
  try {
    mkdirSync(path); // atomic: fails where it exists
    return true;
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code === 'EEXIST') return false;
    throw error;
  }
}

/** @param {string} path */
function age(path) {
  try {
    return Date.now() - statSync(path).mtimeMs;
  } catch {
    return 0; // just released
  }
}

/** Who holds the lock, or undefined while that is being written. */
function holder() {
  try {
    const [pid, host] = readFileSync(owner, 'utf8').split('\n');
    return { pid: Number(pid), host };
  } catch {
    return undefined;
  }
}

function abandoned() {
  if (age(lock) > silence) return true;
  const other = holder();
  // A process id means something only on the machine (or in the container) that gave it.
  if (other === undefined || other.host !== hostname()) return false;
  try {
    process.kill(other.pid, 0);
    return false;
  } catch (error) {
    return /** @type {NodeJS.ErrnoException} */ (error).code === 'ESRCH';
  }
}

/** Clears an abandoned lock. Only one waiter may, or the second would clear the first's new lock. */
function clearAbandoned() {
  const breaking = `${lock}.breaking`;
  if (!take(breaking)) {
    if (age(breaking) > silence) rmSync(breaking, { recursive: true, force: true });
    return;
  }
  try {
    if (abandoned()) rmSync(lock, { recursive: true, force: true });
  } finally {
    rmdirSync(breaking);
  }
}

/**
 * @template T
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function withLock(work) {
  mkdirSync(cache, { recursive: true });
  const began = Date.now();
  let told = false;
  while (!take(lock)) {
    if (abandoned()) clearAbandoned();
    if (!told && Date.now() - began > 1_000) {
      told = true;
      console.error(`bnlstm: waiting for another build of this tree (process ${holder()?.pid})`);
    }
    await sleep(50);
  }
  writeFileSync(owner, `${process.pid}\n${hostname()}`);
  const beat = setInterval(() => {
    try {
      utimesSync(lock, new Date(), new Date());
    } catch {
      // someone removed .cache: nothing to keep alive
    }
  }, heartbeat);
  beat.unref();
  const release = () => rmSync(lock, { recursive: true, force: true });
  process.once('exit', release); // process.exit() and uncaught errors
  try {
    return await work();
  } finally {
    clearInterval(beat);
    process.removeListener('exit', release);
    release();
  }
}
