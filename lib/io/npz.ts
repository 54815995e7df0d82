import * as check from '../check.js';
import { bytesInMemory, dataError, withBytes } from './bytes.js';
import { type NpyArray, readNpyFrom } from './npy.js';
import { readZipDirectory, readZipEntry } from './zip.js';

export interface NpzOptions {
  /** Arrays to read, which must be there. Default: all. */
  readonly names?: readonly string[] | undefined;
  /** Arrays to read beside `names` if they are there. */
  readonly optional?: readonly string[] | undefined;
  /** Of the arrays that are read together, unpacked. Default 2^31, 2 GiB. */
  readonly maxBytes?: number | undefined;
}

const suffix = '.npy';

function checkNames(names: readonly string[] | undefined, option: string) {
  if (names === undefined) return undefined;
  if (Array.isArray(names) && names.every((name) => typeof name === 'string')) return names;
  throw check.argumentError(`readNpz: ${option}`, 'an array of strings', check.show(names));
}

/**
 * Reads the arrays that NumPy has saved together (`.npz`, from `savez` or `savez_compressed`), by
 * their names. The file is not trusted: an archive that unpacks to more than `maxBytes`, or to more
 * than it claims, is refused before that is allocated; beside the results, reading holds at most
 * `maxBytes` and the bytes of the file.
 *
 * @param source the path of a file, or its bytes
 * @returns arrays as those of `readNpy`, in the order of the file
 * @throws ERR_BNLSTM_IO if the file cannot be read; ERR_BNLSTM_DATA if it is damaged, too large, or
 *   lacks one of `names`; ERR_BNLSTM_ARGUMENT
 */
export async function readNpz(
  source: string | Uint8Array,
  options?: NpzOptions,
): Promise<Map<string, NpyArray>> {
  const given = check.options(options, 'readNpz', ['names', 'optional', 'maxBytes']);
  const names = checkNames(given.names, 'names');
  const optional = checkNames(given.optional, 'optional') ?? [];
  const { maxBytes = 2 ** 31 } = given;
  check.integer(maxBytes, 'readNpz: maxBytes', { min: 1 });
  return withBytes(source, 'readNpz', async (file) => {
    const directory = await readZipDirectory(file);
    const entries = directory.flatMap((entry) =>
      entry.name.endsWith(suffix) ? [{ entry, name: entry.name.slice(0, -suffix.length) }] : [],
    );
    const missing = names?.find((name) => !entries.some((entry) => entry.name === name));
    if (missing !== undefined) {
      const there = entries.map(({ name }) => name).join(', ') || 'none';
      throw dataError(file.name, `no array ${JSON.stringify(missing)}; there are: ${there}`);
    }
    const all = names && [...names, ...optional];
    const wanted = all ? entries.filter(({ name }) => all.includes(name)) : entries;
    const bytes = wanted.reduce((sum, { entry }) => sum + entry.size, 0);
    if (bytes > maxBytes) {
      throw dataError(file.name, `${bytes} bytes unpacked, more than maxBytes = ${maxBytes}`);
    }
    const arrays = new Map<string, NpyArray>();
    for (const { entry, name } of wanted) {
      const contents = await readZipEntry(file, entry);
      arrays.set(name, await readNpyFrom(bytesInMemory(contents, `${file.name}: ${name}`)));
    }
    return arrays;
  });
}
