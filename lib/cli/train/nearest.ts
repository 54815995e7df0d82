/** Edits that make one word of the other. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      next.push(Math.min(row[j] + 1, next[j - 1] + 1, row[j - 1] + same));
    }
    row = next;
  }
  return row[b.length];
}

/** The name that was meant, probably: at most two letters are other ones, and half of them are right. */
export function nearest(word: string, names: readonly string[]): string | undefined {
  const far = (name: string) => distance(word.toLowerCase(), name.toLowerCase());
  const [best] = [...names].sort((a, b) => far(a) - far(b));
  return best !== undefined && far(best) <= Math.min(2, word.length / 2) ? best : undefined;
}
