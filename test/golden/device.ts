import type { HostArray, NativeArray, NativeStream } from '../../lib/native.js';
import type { Place } from '../../lib/program/value.js';

/** Arrays on a device that are freed together. */
export class DeviceMemory {
  readonly #arrays: NativeArray[] = [];

  constructor(readonly stream: NativeStream) {}

  /** Zeroed, 4 bytes for each element. */
  zeros(count: number): Place {
    const array = this.stream.array(4 * count);
    this.#arrays.push(array);
    return { array, offset: 0 };
  }

  async write(place: Place, data: HostArray): Promise<void> {
    await this.stream.write(place.array, place.offset, data);
  }

  dispose(): void {
    for (const array of this.#arrays) array.dispose();
  }
}
