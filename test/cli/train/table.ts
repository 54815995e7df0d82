/** CSV of sequences of 4 to 6 steps, with two features and two classes that are easy to tell. */
export function table(count: number): string {
  const lines = ['id,a,b,label'];
  for (let n = 0; n < count; n++) {
    const label = n % 2;
    for (let t = 0; t < 4 + (n % 3); t++) {
      lines.push(`s${n},${label - 0.5 + 0.3 * Math.sin(7 * n + t)},${Math.cos(n + t)},${label}`);
    }
  }
  return `${lines.join('\n')}\n`;
}
