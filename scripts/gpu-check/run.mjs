// Runs the steps of a part, within its time limit.
import { spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { root } from '../tools.mjs';

const signals = /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP']);

/**
 * @typedef {object} Step a program; one that fails does not keep the next from running
 * @property {string} name
 * @property {readonly string[]} command
 * @property {Readonly<Record<string, string>>} [env]
 * @property {boolean} [needed] where it fails, the rest of the part is not begun
 * @property {() => string} [figure] one line about what it has left, read after it; may throw
 */

/**
 * @typedef {object} Part
 * @property {number} seconds its time limit
 * @property {readonly (Step | readonly Step[])[]} steps a list in it: these run at the same time
 */

/** @typedef {{ name: string, passed: boolean, why: string, seconds: number, figure: string }} StepResult */
/** @typedef {{ name: string, passed: boolean, seconds: number, figure: string, steps: StepResult[] }} PartResult */

/**
 * Runs one step; its output goes to OUT/<part>-<step>.log. A line `figure: ...` of it is kept.
 * @param {string} part @param {Step} step @param {number} limit seconds @param {string} out
 * @returns {Promise<StepResult>}
 */
function runStep(part, { name, command, env, figure }, limit, out) {
  const began = Date.now();
  const log = createWriteStream(join(out, `${part}-${name}.log`));
  return new Promise((resolve) => {
    const child = spawn(command[0], command.slice(1), {
      cwd: root,
      env: { ...process.env, NO_COLOR: '1', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true, // a process group of its own, which is ended as a whole
    });
    let text = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk) => {
        log.write(chunk);
        text = (text + chunk).slice(-20_000);
      });
    }
    let why = '';
    const kill = () => {
      try {
        if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
      } catch {
        // it has just ended
      }
    };
    // Its own group hears of no Ctrl+C: what runs is ended with this process.
    const stop = () => {
      kill();
      process.exit(130);
    };
    for (const signal of signals) process.on(signal, stop);
    const timer = setTimeout(() => {
      why = `stopped after ${limit.toFixed(0)} s`;
      kill();
    }, 1000 * limit);
    child.on('error', (error) => {
      const missing = 'code' in error && error.code === 'ENOENT';
      why ||= missing ? `${command[0]} was not found on PATH` : error.message;
      log.write(`${why}\n`);
    });
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      for (const signal of signals) process.off(signal, stop);
      kill(); // what it has left running
      log.end();
      if (code !== 0) why ||= signal ?? `exit code ${code ?? 'unknown'}`;
      let found = /^figure: (.*)$/m.exec(text)?.[1] ?? '';
      try {
        if (figure && code === 0) found = figure();
      } catch (error) {
        why ||= `no result: ${/** @type {Error} */ (error).message}`;
      }
      if (why) console.error(`${text.split('\n').slice(-15).join('\n')}`);
      const seconds = (Date.now() - began) / 1000;
      console.error(`   ${name}: ${why || 'passed'}, ${seconds.toFixed(1)} s ${found}`);
      resolve({ name, passed: why === '', why, seconds, figure: found });
    });
  });
}

/**
 * @param {string} name @param {Part} part @param {string} out
 * @returns {Promise<PartResult>}
 */
export async function runPart(name, { seconds, steps }, out) {
  const began = Date.now();
  const spent = () => (Date.now() - began) / 1000;
  /** @type {StepResult[]} */
  const results = [];
  const isNeeded = (/** @type {string} */ step) =>
    steps.flat().some((each) => each.name === step && each.needed);
  for (const each of steps.map((step) => ('name' in step ? [step] : step))) {
    const left = seconds - spent();
    const failed = results.find(({ name, passed }) => !passed && isNeeded(name));
    if (failed === undefined && left > 0) {
      results.push(...(await Promise.all(each.map((step) => runStep(name, step, left, out)))));
    } else {
      const why = failed
        ? `not begun: ${failed.name} failed`
        : 'not begun: the time of this part was over';
      results.push(
        ...each.map((step) => ({ name: step.name, passed: false, why, seconds: 0, figure: '' })),
      );
    }
  }
  const failed = results.filter(({ passed }) => !passed);
  const figures = failed.length > 0 ? failed.map((step) => `${step.name}: ${step.why}`) : [];
  figures.push(...results.flatMap(({ figure }) => (figure ? [figure] : [])));
  return {
    name,
    passed: results.length > 0 && failed.length === 0,
    seconds: Math.round(10 * spent()) / 10,
    figure: figures.join('; '),
    steps: results,
  };
}
