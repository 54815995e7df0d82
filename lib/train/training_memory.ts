import { BnLstmError } from '../errors.js';
import type { NativeArray } from '../native.js';
import { CarriedState, type SavedState } from '../nn/carried_state.js';
import type { Network } from '../nn/network.js';
import type { StepMemory } from './memory_mode.js';
import type { CheckedTrainerOptions } from './options.js';
import { type StepPlan, skippedSlot, stateSlots } from './training_step.js';
import { WindowMemory } from './window.js';

/** What a trainer takes on the device beside its model, in bytes, from its first step on. */
export interface TrainerMemory {
  readonly optimizer: number;
  /** With `accumulate`. */
  readonly accumulation: number;
  /** With `carryState`. */
  readonly carriedState: number;
  readonly total: number;
  /** Of a training by batches of the last step's shape; undefined before the first step. */
  readonly step: StepMemory | undefined;
}

/** What is on the device, on the host, as it was at one moment. */
export interface SavedMemory {
  /** The device's record of training, [stateSlots]. */
  readonly state: Int32Array;
  /** What the optimizer keeps, [P] each. */
  readonly slots: readonly Float32Array[];
  readonly carried: SavedState | undefined;
}

/** What a trainer has on the device, beside the network: made when it is first needed. */
export class TrainingMemory {
  readonly #network: Network;
  readonly #options: CheckedTrainerOptions;
  #arrays: { readonly state: NativeArray; readonly slots: readonly NativeArray[] } | undefined;
  #window: WindowMemory | undefined;
  /** Where the last step with `carryState` has ended. */
  #carried: CarriedState | undefined;
  #disposed = false;

  constructor(network: Network, options: CheckedTrainerOptions) {
    this.#network = network;
    this.#options = options;
  }

  /**
   * The device's record of training and what the optimizer keeps, all zero at first.
   * @throws ERR_BNLSTM_DISPOSED: nothing begins at zero again
   */
  get arrays(): Pick<StepPlan, 'state' | 'slots'> {
    if (this.#disposed) throw new BnLstmError('ERR_BNLSTM_DISPOSED', 'the trainer was disposed');
    const { stream, blueprint } = this.#network;
    this.#arrays ??= {
      state: stream.array(stateSlots * Int32Array.BYTES_PER_ELEMENT),
      slots: Array.from({ length: this.#options.optimizer.slots }, () =>
        stream.array(blueprint.parameterCount * Float32Array.BYTES_PER_ELEMENT),
      ),
    };
    return this.#arrays;
  }

  /** For several batches to a step. */
  get window(): WindowMemory {
    this.#window ??= new WindowMemory(this.#network);
    return this.#window;
  }

  /** @throws ERR_BNLSTM_ARGUMENT for a network whose layers cannot go on with a sequence */
  carried(method: string): CarriedState {
    this.#carried ??= new CarriedState(this.#network, method, this.#options.accumulate > 1);
    return this.#carried;
  }

  /** Clears the flag of a step that was not finite, as if none had been tried after it. */
  async clearFlag(skipped: number): Promise<void> {
    const { state } = this.arrays;
    await this.#network.stream.write(state, skippedSlot * 4, Int32Array.of(skipped, 0));
  }

  /** Queues the copies at once: what they get belongs to one moment. */
  async save(): Promise<SavedMemory> {
    const { stream, blueprint } = this.#network;
    const { state, slots } = this.arrays;
    const read = async <T extends Float32Array | Int32Array>(array: NativeArray, into: T) => {
      await stream.read(array, 0, into);
      return into;
    };
    const [stateValues, carried, ...slotValues] = await Promise.all([
      read(state, new Int32Array(stateSlots)),
      this.#carried?.save(),
      ...slots.map((slot) => read(slot, new Float32Array(blueprint.parameterCount))),
    ]);
    return { state: stateValues, slots: slotValues, carried };
  }

  async restore(saved: SavedMemory): Promise<void> {
    const { stream } = this.#network;
    const { state, slots } = this.arrays;
    this.#carried?.dispose();
    await Promise.all([
      stream.write(state, 0, saved.state),
      saved.carried && this.carried('restore').restore(saved.carried),
      ...slots.map((slot, index) => stream.write(slot, 0, saved.slots[index])),
    ]);
  }

  get bytes(): Omit<TrainerMemory, 'step'> {
    const { state, slots = [] } = this.#arrays ?? {};
    const optimizer = [state, ...slots].reduce((sum, array) => sum + (array?.bytes ?? 0), 0);
    const [accumulation, carriedState] = [this.#window?.bytes ?? 0, this.#carried?.bytes ?? 0];
    const total = optimizer + accumulation + carriedState;
    return { optimizer, accumulation, carriedState, total };
  }

  get disposed(): boolean {
    return this.#disposed;
  }

  /** Idempotent. */
  dispose(): void {
    this.#disposed = true;
    this.#arrays?.state.dispose();
    for (const slot of this.#arrays?.slots ?? []) slot.dispose();
    this.#arrays = undefined;
    this.#window?.dispose();
    this.#carried?.dispose();
  }
}
