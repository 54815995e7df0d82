import { duration, integer, percent, significant } from './client/format.js';
import type { Html } from './html.js';
import type { Results, Scores } from './results.js';
import { type Row, type RowGroup, table } from './table.js';

/** Marks the best of several numbers, all of them where they are equal. */
function bestOf(values: readonly (number | undefined)[], order: 'least' | 'most') {
  const known = values.filter((value): value is number => Number.isFinite(value));
  if (known.length < 2) return undefined;
  const best = order === 'least' ? Math.min(...known) : Math.max(...known);
  return values.map((value) => value === best);
}

function row(
  name: string,
  values: readonly (number | undefined)[],
  show: (value: unknown) => string,
  order?: 'least' | 'most',
): Row {
  return { name, cells: values.map(show), best: order && bestOf(values, order) };
}

/** Loss and what follows from it: for classes it is a cross-entropy in nats. */
function scoreRows(scores: readonly (Scores | undefined)[]): Row[] {
  const accuracies = scores.map((score) => score?.accuracy);
  const ofClasses = (f: (loss: number) => number) =>
    scores.map((score) => (score?.accuracy === undefined ? undefined : f(score.loss)));
  const losses = scores.map((score) => score?.loss);
  const perplexities = ofClasses(Math.exp);
  const bits = ofClasses((loss) => loss / Math.LN2);
  return [
    row('Loss', losses, significant, 'least'),
    ...(accuracies.some((accuracy) => accuracy !== undefined)
      ? [
          row('Accuracy', accuracies, percent, 'most'),
          row('Perplexity', perplexities, significant, 'least'),
          row('Bits per target (character)', bits, significant, 'least'),
        ]
      : []),
  ];
}

/** A group of scores, if any run has them. */
function scoreGroup(
  name: string,
  scores: readonly (Scores | undefined)[],
  ...more: readonly Row[]
): RowGroup[] {
  if (scores.every((score) => score === undefined)) return [];
  return [{ name, rows: [...more, ...scoreRows(scores)] }];
}

/** The numbers of every run, the best ones marked. */
export function resultsTable(names: readonly string[], results: readonly Results[]): Html {
  const each = <K extends keyof Results>(key: K) => results.map((result) => result[key]);
  const [best, test] = [each('best'), each('test')];
  const lastSteps = integer(Math.max(...each('trainingSteps')));
  const bestStep = best.map((scores) => scores?.index);
  const count = test.map((scores) => scores?.count);
  const skipped = row('Steps skipped as not finite', each('skipped'), integer);
  return table('Results', names, [
    {
      rows: [
        { name: 'State', cells: each('stateText') },
        ...(each('message').some((message) => message !== undefined)
          ? [{ name: 'Reason', cells: each('message').map((message) => message ?? '–') }]
          : []),
        row('Steps', each('steps'), integer),
        row('Epoch', each('epoch'), integer),
        row('Time', each('seconds'), duration),
        row('Sequences/s', each('sequencesPerSecond'), significant),
        ...(each('skipped').some((steps) => steps > 0) ? [skipped] : []),
        row('Values not finite (gaps in curves)', each('notFinite'), integer),
      ],
    },
    ...scoreGroup(`Training, last ${lastSteps} steps`, each('training')),
    ...scoreGroup('Last validation', each('last')),
    ...scoreGroup('Best validation', best, row('Step', bestStep, integer)),
    ...scoreGroup('Test', test, row('Sequences', count, integer)),
  ]);
}
