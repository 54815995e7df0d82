import { clearLine, moveCursor } from 'node:readline';
import { formatPercent, formatSeconds } from '../format.js';
import type { Contestant } from './contestant.js';

/** What is shown of a contestant. */
export type Standing = Pick<Contestant, 'name' | 'loss' | 'accuracy' | 'seconds'>;

export interface Snapshot {
  readonly standings: readonly Standing[];
  readonly iteration: number;
  /** Seconds to the end of the whole demonstration. */
  readonly secondsLeft: number;
}

/** What the progress is written to: stdout, or a stand-in. */
export type Output = NodeJS.WritableStream & {
  readonly isTTY?: boolean;
  readonly columns?: number;
};

const redrawSeconds = 0.1;
const lineSeconds = 10;
const barWidth = 16; // a line fits into 80 columns with it
const eighths = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];

/** A bar of `width` columns, filled to `share` (0..1) in eighths of a column. */
export function bar(share: number, width: number): string {
  const filled = Math.round(Math.min(Math.max(share || 0, 0), 1) * width * 8);
  return ('█'.repeat(Math.floor(filled / 8)) + eighths[filled % 8]).padEnd(width);
}

function describe({ name, loss, accuracy, seconds }: Standing, iteration: number): string[] {
  return [
    name.padEnd(8),
    `▕${bar(accuracy, barWidth)}▏`,
    formatPercent(accuracy).padStart(7),
    `loss ${loss.toFixed(3)}`,
    `${(iteration / seconds).toFixed(2)} it/s`,
  ];
}

/** The block that is redrawn: a line for each contestant, and the common facts at their ends. */
export function block({ standings, iteration, secondsLeft }: Snapshot, columns: number): string[] {
  const common = [`iteration ${iteration}`, `${formatSeconds(secondsLeft)} left`];
  return standings.map((standing, index) =>
    // One column is left free: some terminals wrap when the last one is written.
    [...describe(standing, iteration), common[index]].join('  ').slice(0, Math.max(0, columns - 1)),
  );
}

/** The same in one line, for files and pipes. */
export function plainLine({ standings, iteration, secondsLeft }: Snapshot): string {
  const each = standings.map(
    ({ name, loss, accuracy }) =>
      `${name} loss ${loss.toFixed(3)}, accuracy ${formatPercent(accuracy)}`,
  );
  return [`iteration ${iteration}`, ...each, `${formatSeconds(secondsLeft)} left`].join(' | ');
}

/** Live progress: a block that is redrawn on a terminal, a line now and then elsewhere. */
export class Progress {
  readonly #output: Output;
  readonly #now: () => number;
  #latest: Snapshot | undefined;
  #shownAt = Number.NEGATIVE_INFINITY;
  /** Lines of the block above the cursor. */
  #lines = 0;

  /** @param now seconds */
  constructor(output: Output, now: () => number = () => performance.now() / 1000) {
    this.#output = output;
    this.#now = now;
  }

  /** Takes a snapshot; shows it unless the last one was shown too short a time ago. */
  update(snapshot: Snapshot): void {
    this.#latest = snapshot;
    const interval = this.#output.isTTY ? redrawSeconds : lineSeconds;
    if (this.#now() - this.#shownAt >= interval) this.#show(snapshot);
  }

  /** Writes a line that stays; the block goes on below it. */
  note(text: string): void {
    this.#output.write(`${text}\n`);
    this.#lines = 0;
  }

  /** Shows the latest snapshot, if it was not. */
  finish(): void {
    if (this.#latest) this.#show(this.#latest);
  }

  #show(snapshot: Snapshot): void {
    this.#shownAt = this.#now();
    this.#latest = undefined;
    if (!this.#output.isTTY) {
      this.#output.write(`${plainLine(snapshot)}\n`);
      return;
    }
    if (this.#lines > 0) moveCursor(this.#output, 0, -this.#lines);
    const lines = block(snapshot, this.#output.columns ?? 80);
    for (const line of lines) {
      clearLine(this.#output, 0);
      this.#output.write(`${line}\n`);
    }
    this.#lines = lines.length;
  }
}
