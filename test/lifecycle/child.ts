import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export interface ChildResult {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

const directory = fileURLToPath(new URL('.', import.meta.url));

/** What the children share: the built package and a model whose step takes about a second. */
const prelude = `
import { Worker } from 'node:worker_threads';
import { bnLstm, crossEntropy, lastStep, linear, rmsprop, sequential } from '../../dist/index.js';
const hidden = 64;
const batchOf = (steps, size = 32) => ({
  inputs: Float32Array.from({ length: size * steps }, (_, k) => Math.sin(k)),
  size, steps, targets: new Int32Array(size),
});
const build = async () => {
  const layers = [bnLstm({ hidden, maxSteps: 100 }), lastStep(), linear(4)];
  const model = await sequential({ features: 1, seed: 1, device: 'cpu' }, layers);
  const trainer = model.trainer({ loss: crossEntropy(), optimizer: rmsprop({ learningRate: 1e-3 }) });
  return { model, trainer };
};
/**
 * A batch whose training step takes about \`seconds\` here and now, whatever the build, if 1000 to 6400
 * rows do. Its steps are few: over thousands gradients overflow. The trial is long enough that no pause
 * of this process makes it look many times slower than it is.
 */
const slowBatch = async (trainer, seconds) => {
  const steps = 100;
  await trainer.step(batchOf(steps));
  for (let rows = 4; ; rows *= 2) {
    const began = performance.now();
    await trainer.step(batchOf(steps, rows));
    const trial = (performance.now() - began) / 1000;
    const wanted = Math.ceil((rows * seconds) / trial);
    if (trial > 0.1) return batchOf(steps, Math.max(1000, Math.min(wanted, 6400)));
  }
};
`;

/**
 * Runs a module in a process of its own: what aborts or hangs there fails one test, by name.
 * `addressSpace`: KiB that it may have; `env`: more of its environment.
 */
export function runChild(
  code: string,
  nodeArguments: readonly string[] = [],
  { addressSpace, env }: { readonly addressSpace?: number; readonly env?: NodeJS.ProcessEnv } = {},
): Promise<ChildResult> {
  const limit = addressSpace === undefined ? '' : `ulimit -v ${addressSpace} && `;
  const node = [process.execPath, ...nodeArguments, '--input-type=module', '-e', prelude + code];
  return new Promise((resolve) => {
    const child = spawn('sh', ['-c', `${limit}exec "$@"`, 'sh', ...node], {
      cwd: directory,
      env: { ...process.env, ...env },
      timeout: 100_000,
      killSignal: 'SIGKILL',
    });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (data) => (stdout += data));
    child.stderr.on('data', (data) => (stderr += data));
    child.on('close', (exitCode, signal) => resolve({ code: exitCode, signal, stdout, stderr }));
  });
}
