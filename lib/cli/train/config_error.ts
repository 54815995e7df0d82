import type { z } from 'zod';
import { argumentError, show } from '../../check.js';
import type { BnLstmError } from '../../errors.js';

type Issue = z.core.$ZodIssue;
type Path = readonly PropertyKey[];

/** The value at a path, as it was given. */
function at(input: unknown, path: Path): unknown {
  return path.reduce<unknown>(
    (value, key) => (value as Record<PropertyKey, unknown> | undefined)?.[key],
    input,
  );
}

const typeNames: Readonly<Record<string, string>> = {
  int: 'an integer',
  number: 'a number',
  string: 'a string',
  boolean: 'true or false',
  array: 'an array',
  object: 'an object',
};

function bound(issue: Extract<Issue, { code: 'too_small' | 'too_big' }>): string {
  const small = issue.code === 'too_small';
  const limit = small ? issue.minimum : issue.maximum;
  const sign = `${small ? '>' : '<'}${issue.inclusive ? '=' : ''}`;
  if (issue.origin === 'string') return `a string of ${sign} ${limit} characters`;
  if (issue.origin === 'array') return `an array of ${sign} ${limit}`;
  return `a number ${sign} ${limit}`.replace('>=', '≥').replace('<=', '≤');
}

function expected(issue: Issue): string {
  switch (issue.code) {
    case 'invalid_type':
      return typeNames[issue.expected] ?? issue.expected;
    case 'invalid_value':
      return issue.values.map(show).join(' or ');
    case 'invalid_union':
      return 'options' in issue && Array.isArray(issue.options)
        ? issue.options.map(show).join(' or ')
        : issue.errors.map(([first]) => (first ? expected(first) : '')).join(' or ');
    case 'too_small':
    case 'too_big':
      return bound(issue);
    default:
      return issue.message;
  }
}

/**
 * A fault of a configuration as an error of ours: a name that there is not, if there is one, since
 * the one that is missing may be the same, typed wrongly.
 * @param name what a place is called: by its path in a file, or by the flag that has set it
 */
export function configError(
  { issues }: z.ZodError,
  input: unknown,
  name: (path: Path) => string,
): BnLstmError {
  const issue = issues.find(({ code }) => code === 'unrecognized_keys') ?? issues[0];
  const { path } = issue;
  if (issue.code === 'unrecognized_keys') {
    const kind = (at(input, path) as { kind?: unknown } | undefined)?.kind;
    const what = typeof kind === 'string' ? ` of ${String(path.at(-1))} ${show(kind)}` : '';
    const [key] = issue.keys;
    return argumentError(name([...path, key]), `only known options${what}`, show(key));
  }
  const value = at(input, path);
  return argumentError(name(path), expected(issue), value === undefined ? 'nothing' : show(value));
}
