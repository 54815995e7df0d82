/**
 * What the whole check says, one line for each part.
 * @param {readonly import('./run.mjs').PartResult[]} parts
 */
export function table(parts) {
  const rows = [
    ['part', 'result', 'seconds', 'figure'],
    ...parts.map(({ name, passed, seconds, figure }) => [
      name,
      passed ? 'passed' : 'FAILED',
      seconds.toFixed(1),
      figure,
    ]),
  ];
  return rows
    .map(([name, result, seconds, figure]) =>
      `${name.padEnd(10)}${result.padEnd(8)}${seconds.padStart(8)}  ${figure}`.trimEnd(),
    )
    .join('\n');
}
