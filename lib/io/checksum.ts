/**
 * The checksum of a file of ours. Its header begins with
 *
 *     {"__metadata__":{"sha256":"<64 hex digits>","checksum":"sha256"
 *
 * and so the digits are the bytes 35 to 98 of the file. They are the sha256 of the whole file with
 * the character 0 in each of these places. The second key says that there is the first: no damage to
 * one byte makes the file look like one without a checksum.
 */
import { createHash } from 'node:crypto';
import * as check from '../check.js';
import { BnLstmError } from '../errors.js';

/** In the metadata of a file, and of no tensors of ours. */
export const checksumKeys: readonly string[] = ['sha256', 'checksum'];
const noDigits = '0'.repeat(64);
export const noChecksum = { sha256: noDigits, checksum: 'sha256' };

const start = '{"__metadata__":{"sha256":"';
/** Of the digits, in the header. */
const begin = start.length;
const end = begin + noDigits.length;
/** Node refuses more than 2 GiB in one call. */
const largestUpdate = 2 ** 30;

/** The sha256 of bytes that come one part after the other. */
class Sum {
  readonly #hash = createHash('sha256');

  add(bytes: Uint8Array): this {
    for (let at = 0; at < bytes.length; at += largestUpdate) {
      this.#hash.update(bytes.subarray(at, at + largestUpdate));
    }
    return this;
  }

  /** Once. */
  digits(): string {
    return this.#hash.digest('hex');
  }
}

/** Puts the digits into a header, given with its prefix, that was made with `noChecksum`. */
export function seal(prefixAndHeader: Uint8Array, data: Iterable<Uint8Array>): void {
  const sum = new Sum().add(prefixAndHeader);
  for (const bytes of data) sum.add(bytes);
  prefixAndHeader.set(Buffer.from(sum.digits(), 'latin1'), 8 + begin);
}

/** Compares the checksum of a file that is being read. */
export class Verification {
  /** What the file has. */
  readonly digits: string;
  readonly #sum: Sum;

  private constructor(prefix: Uint8Array, header: Buffer) {
    this.digits = header.toString('latin1', begin, end);
    this.#sum = new Sum()
      .add(prefix)
      .add(header.subarray(0, begin))
      .add(Buffer.from(noDigits))
      .add(header.subarray(end));
  }

  /**
   * Begins with a header; undefined for a file without a checksum, as other programs write it.
   *
   * @throws ERR_BNLSTM_CHECKSUM if the file says that it has one, but not where ours have it
   */
  static of(
    prefix: Uint8Array,
    header: Buffer,
    { sha256, checksum }: Readonly<Record<string, string | undefined>>,
  ): Verification | undefined {
    const ours = header.toString('latin1', 0, begin) === start;
    if (!ours && checksum !== 'sha256') return undefined;
    if (!ours || sha256?.length !== noDigits.length) {
      throw new BnLstmError('ERR_BNLSTM_CHECKSUM', 'its sha256 is not where it was written');
    }
    return new Verification(prefix, header);
  }

  /** The data, in the order of the file. */
  add(bytes: Uint8Array): void {
    this.#sum.add(bytes);
  }

  /** @throws ERR_BNLSTM_CHECKSUM */
  end(): void {
    const digits = this.#sum.digits();
    if (digits === this.digits) return;
    throw new BnLstmError(
      'ERR_BNLSTM_CHECKSUM',
      `its sha256 is ${digits}, it was written with ${check.show(this.digits)}`,
    );
  }
}
