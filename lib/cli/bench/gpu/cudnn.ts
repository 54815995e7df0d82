import { type ChildProcess, fork } from 'node:child_process';
import type { NativeCudnnSettings, NativeCudnnTimes } from '../../../native.js';

/** What cudnn_process.ts sends for each setting. */
export type CudnnAnswer =
  | { readonly times: NativeCudnnTimes }
  /** A sentence: cuDNN is not there, its results are wrong, or its process died. */
  | { readonly failure: string };

/**
 * Times cuDNN in a process of its own, so that a kernel of it that hangs or crashes costs one row.
 * The process is started when it is first needed, and once more after it has died.
 */
export class CudnnRunner {
  readonly #module: URL;
  readonly #seconds: number;
  #child: ChildProcess | undefined;

  /** `seconds`: the time that one setting may take. */
  constructor(seconds = 60, module = new URL('./cudnn_process.js', import.meta.url)) {
    this.#seconds = seconds;
    this.#module = module;
  }

  /** One at a time. */
  run(settings: NativeCudnnSettings): Promise<CudnnAnswer> {
    this.#child ??= fork(this.#module, { serialization: 'advanced' });
    const child = this.#child;
    return new Promise((resolve) => {
      const finish = (answer: CudnnAnswer) => {
        clearTimeout(timer);
        child.removeAllListeners();
        resolve(answer);
      };
      const lose = (failure: string) => {
        this.#child = undefined;
        finish({ failure });
      };
      const timer = setTimeout(() => {
        child.kill('SIGKILL');
        lose(`no answer within ${this.#seconds} s`);
      }, 1000 * this.#seconds);
      child.once('message', (answer: CudnnAnswer) => finish(answer));
      child.once('exit', (code, signal) =>
        lose(`its process ended with ${signal ?? `code ${code}`}`),
      );
      child.once('error', (error) => lose(`its process: ${error.message}`));
      child.send(settings);
    });
  }

  stop(): void {
    this.#child?.kill();
    this.#child = undefined;
  }
}
