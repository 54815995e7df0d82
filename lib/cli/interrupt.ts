/** What shells expect of a process that ended because of a signal: 128 and its number. */
export const interruptCodes = { SIGINT: 130, SIGTERM: 143 } as const;

export type InterruptSignal = keyof typeof interruptCodes;

export interface Interrupt {
  readonly signal: AbortSignal;
  dispose(): void;
}

/**
 * Aborts at the first of the signals, with its name as the reason, and ends the process at the
 * second, until it is disposed.
 */
export function onInterrupt(
  first: (signal: InterruptSignal) => void,
  signals: readonly InterruptSignal[] = ['SIGINT'],
): Interrupt {
  const controller = new AbortController();
  const listener = (signal: InterruptSignal) => {
    if (controller.signal.aborted) process.exit(interruptCodes[signal]);
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
