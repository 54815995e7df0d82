/** What shells expect of a process that ended because of a signal: 128 and its number. */
export const interruptCodes = { SIGHUP: 129, SIGINT: 130, SIGPIPE: 141, SIGTERM: 143 } as const;

export type InterruptSignal = keyof typeof interruptCodes;

export interface Interrupt {
  /** Its reason is the name of the signal. */
  readonly signal: AbortSignal;
  dispose(): void;
}

/**
 * Ends the process when nobody reads what it prints any more: the pipe is closed, the terminal gone.
 * Not where `onInterrupt` listens to the signal that comes with it.
 */
export function endWithOutput(output: NodeJS.WritableStream): void {
  const signals: Readonly<Record<string, InterruptSignal>> = {
    EPIPE: 'SIGPIPE',
    ECONNRESET: 'SIGPIPE', // a socket that is closed while it is written to
    EIO: 'SIGHUP',
  };
  output.on('error', (error: NodeJS.ErrnoException) => {
    const signal = signals[error.code ?? ''];
    if (signal === undefined) throw error;
    if (process.listenerCount(signal) === 0) process.exit(interruptCodes[signal]);
    // A reset raises no signal; where there was one, a second SIGPIPE does nothing.
    if (signal === 'SIGPIPE') process.emit(signal, signal);
  });
}

/**
 * Aborts at the first of the signals, and ends the process at the second, until it is disposed.
 */
export function onInterrupt(
  first: (signal: InterruptSignal) => void,
  signals: readonly InterruptSignal[] = ['SIGINT'],
): Interrupt {
  const controller = new AbortController();
  const listener = (signal: InterruptSignal) => {
    if (controller.signal.aborted) {
      if (signal === 'SIGPIPE') return; // something is still written to the closed pipe
      process.exit(interruptCodes[signal]);
    }
    controller.abort(signal);
    first(signal);
  };
  for (const signal of signals) process.on(signal, listener);
  return {
    signal: controller.signal,
    dispose: () => {
      for (const signal of signals) process.removeListener(signal, listener);
    },
  };
}
