import { type Options, type Params, SingleBar } from 'cli-progress';
import type { HistoryRecord } from '../../index.js';
import { formatPercent, formatSeconds } from '../format.js';

type Record<T extends HistoryRecord['type']> = Extract<HistoryRecord, { type: T }>;

/** What the progress is written to: stdout, or a stand-in. */
export type Output = NodeJS.WritableStream & {
  readonly isTTY?: boolean;
  readonly columns?: number;
};

const framesPerSecond = 10;
const lineSeconds = 10;
const barWidth = 16; // a line fits into 80 columns with it

/** One record of training, for people. */
export function describeStep(
  { index, loss, accuracy, sequencesPerSecond }: Record<'step'>,
  total: number | undefined,
  secondsLeft: number | undefined,
): string[] {
  return [
    `step ${index}${total === undefined ? '' : `/${total}`}`,
    `loss ${loss.toPrecision(4)}`,
    ...(accuracy === undefined ? [] : [formatPercent(accuracy)]),
    `${Number(sequencesPerSecond.toPrecision(3))} seq/s`,
    ...(secondsLeft === undefined ? [] : [`${formatSeconds(secondsLeft)} left`]),
  ];
}

/** What a validation has found, for people. */
export function describeValidation({ index, epoch, loss, accuracy, best }: Record<'validation'>) {
  const right = accuracy === undefined ? '' : `, accuracy ${formatPercent(accuracy)}`;
  const mark = best ? ' (the best so far)' : '';
  return `epoch ${epoch}, step ${index}: validation loss ${loss.toPrecision(4)}${right}${mark}`;
}

function frame(share: number, facts: readonly string[], columns: number): string {
  const filled = Math.round(Math.min(Math.max(share || 0, 0), 1) * barWidth);
  const bar = '█'.repeat(filled).padEnd(barWidth, '░');
  const percent = `${Math.floor(100 * share)} %`.padStart(5);
  // One column is left free: some terminals wrap when the last one is written.
  return [`${bar}${percent}`, ...facts].join('  ').slice(0, Math.max(0, columns - 1));
}

/**
 * What people see of training: on a terminal a bar, drawn at most ten times a second, below the lines
 * that stay; elsewhere a line now and then.
 */
export class Progress {
  readonly #output: Output;
  readonly #total: number | undefined;
  readonly #now: () => number;
  readonly #bar: SingleBar | undefined;
  #latest: Record<'step'> | undefined;
  #shownAt = Number.NEGATIVE_INFINITY;
  /** Step and time of the first record: what was done before a resumed run says nothing of its speed. */
  #first: { readonly index: number; readonly at: number } | undefined;
  #running = false;

  /**
   * @param total training steps, where it is known
   * @param now seconds
   */
  constructor(output: Output, total?: number, now: () => number = () => performance.now() / 1000) {
    this.#output = output;
    this.#total = total;
    this.#now = now;
    if (!output.isTTY) return;
    this.#bar = new SingleBar({
      stream: output,
      fps: framesPerSecond,
      format: (_: Options, { progress }: Params) =>
        frame(progress, this.#facts(), output.columns ?? 80),
      clearOnComplete: true,
      linewrap: true, // else a process that ends at once would leave the terminal without it
      forceRedraw: true,
    });
  }

  /** Takes a record of the run, and shows it if it is time. */
  record(record: HistoryRecord): void {
    if (record.type === 'validation') this.note(describeValidation(record));
    if (record.type === 'warning') this.note(`warning: ${record.message}`);
    if (record.type !== 'step') return;
    this.#latest = record;
    this.#first ??= { index: record.index, at: this.#now() };
    if (this.#bar) this.#draw(record.index);
    else if (this.#now() - this.#shownAt >= lineSeconds) this.#line();
  }

  /** Writes a line that stays; the bar goes on below it. */
  note(text: string): void {
    const running = this.#running;
    this.erase();
    this.#output.write(`${text}\n`);
    if (running && this.#latest) this.#draw(this.#latest.index);
  }

  /** Takes the bar away, and leaves the last record as a line. */
  finish(): void {
    this.erase();
    if (this.#latest) this.#line();
  }

  #draw(index: number): void {
    if (!this.#running) this.#bar?.start(this.#total ?? index, index);
    else this.#bar?.update(index);
    this.#running = true;
  }

  /** Takes the bar away. */
  erase(): void {
    if (this.#running) this.#bar?.stop();
    this.#running = false;
  }

  #line(): void {
    this.#shownAt = this.#now();
    this.#output.write(`${this.#facts().join(', ')}\n`);
    this.#latest = undefined;
  }

  #facts(): string[] {
    return this.#latest ? describeStep(this.#latest, this.#total, this.#secondsLeft()) : [];
  }

  /** From all steps of this process, validations included. */
  #secondsLeft(): number | undefined {
    if (!this.#latest || !this.#first || this.#total === undefined) return undefined;
    const done = this.#latest.index - this.#first.index;
    const left = this.#total - this.#latest.index;
    if (done === 0 || left <= 0) return undefined;
    return ((this.#now() - this.#first.at) / done) * left;
  }
}
