import type { Batch, DataCursor, DataSource } from '../data/source.js';
import type { CarriedState } from '../nn/carried_state.js';
import type { Feed } from '../nn/feed.js';
import { pipeline } from '../nn/pipeline.js';
import { plainRunner } from '../program/profile.js';
import { type Staged, type StagingOptions, stage } from './staging.js';
import type { Stepper } from './stepper.js';
import { type StepOutcome, type StepResult, Turn } from './turn.js';

export interface TurnsOptions extends Omit<StagingOptions, 'accumulate' | 'from'> {
  /** The state of the sequences that batches are chunks of. */
  readonly carried: CarriedState | undefined;
  /** Whether a turn ends after so many steps of the run. */
  readonly endsTurn: (steps: number) => boolean;
  /** Turns end where an epoch does, and each end is an event. */
  readonly tellEpochs: boolean;
  readonly signal: AbortSignal | undefined;
}

export type TurnEvent =
  | {
      readonly kind: 'steps';
      readonly result: StepResult;
      /** The turn did not come to its end: an error follows, and some later step may have failed. */
      readonly cut: boolean;
    }
  | { readonly kind: 'epoch'; readonly cursor: DataCursor };

/**
 * Trains from where the stepper's cursor is, turn by turn. Between two events nothing runs on the
 * device: what is read of it then belongs to one moment. A turn that a failure or the signal cuts
 * short is given before the error is thrown.
 */
export async function* turns(
  stepper: Stepper,
  data: DataSource,
  options: TurnsOptions,
): AsyncGenerator<TurnEvent, void, undefined> {
  const { carried, endsTurn, tellEpochs, signal } = options;
  const { accumulate, onNaN } = stepper.options;
  const from = stepper.cursor;
  const prepare = (batch: Batch) => stepper.feed(batch);
  const staged = stage(data, { ...options, accumulate, from }, prepare);

  type Item = Staged<Feed[]>;
  const start = async (item: Item): Promise<{ item: Item; outcome?: StepOutcome }> => {
    if (item.kind === 'epoch') return { item };
    const input = { feeds: item.work, epoch: item.cursor.epoch };
    return { item, outcome: await stepper.start(input, plainRunner, carried) };
  };
  const ends = (item: Item) => (item.kind === 'epoch' ? tellEpochs : endsTurn(item.before + 1));
  // Only within a turn, or a step would run ahead of the consumer. Chunks need the end of the last,
  // and so does looking for what was not finite in a step that is then skipped.
  const mayLead = (item: Item) => !carried && onNaN !== 'skip' && !ends(item);

  let turn = new Turn();
  const taken = (cut: boolean): TurnEvent => ({ kind: 'steps', result: turn.result(), cut });
  try {
    for await (const { item, outcome } of pipeline(staged, start, signal, mayLead)) {
      stepper.cursor = item.cursor;
      if (outcome) turn.add(outcome);
      const stops = outcome?.notFinite !== undefined && onNaN === 'stop';
      if (!ends(item) && !stops) continue;
      if (turn.steps > 0) yield taken(false);
      if (item.kind === 'epoch') yield { kind: 'epoch', cursor: item.cursor };
      if (stops) return;
      turn = new Turn(); // its time begins when the consumer is done
    }
  } catch (error) {
    if (turn.steps > 0) yield taken(true);
    throw error;
  }
  if (turn.steps > 0) yield taken(false);
}
