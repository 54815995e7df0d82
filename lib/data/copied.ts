/** A batch or a sample with arrays of its own: whoever made it may use its arrays again. */
export function copied<T extends object>(item: T): T {
  const entries = Object.entries(item).map(([key, value]) => {
    const array = ArrayBuffer.isView(value) && !(value instanceof DataView);
    return [key, array ? (value as Float32Array).slice() : value];
  });
  return Object.fromEntries(entries) as T;
}
