import * as check from '../check.js';
import type { Segment } from '../ops/optimizer_step.js';
import type { Optimizer } from './optimizer.js';

/** Parameters that are trained in another way than the rest. */
export interface ParameterGroup {
  /**
   * Which: names as in `model.parameters`, such as `0.wx`; a string is a name or a layer's number,
   * as `0`, which matches all of its parameters. Several: each must match.
   */
  readonly match: string | RegExp | readonly string[];
  /** Multiplies the learning rate. Default 1. */
  readonly rateFactor?: number | undefined;
  /**
   * In place of the optimizer's, also where that has none: decoupled, w −= rate · weightDecay · w.
   * Of weights and tables; gammas, betas, biases and initial states never decay.
   */
  readonly weightDecay?: number | undefined;
  /** They stay as they are, get no gradient and do not count in its norm. Default false. */
  readonly frozen?: boolean | undefined;
}

/** What `segmentsFor` looks at of a parameter. */
export interface GroupedParameter {
  readonly name: string;
  /** First element in the flat array, and number of elements. */
  readonly offset: number;
  readonly count: number;
  readonly trainable: boolean;
  readonly decays: boolean;
}

/** How the parameters of a network are trained. */
export interface ParameterSegments {
  /** Of trained parameters, in their order. */
  readonly segments: readonly Segment[];
  /** Names of those that could be trained and are not. */
  readonly frozen: ReadonlySet<string>;
}

const groupKeys = ['match', 'rateFactor', 'weightDecay', 'frozen'];

/** A user's groups, for themselves: whether they fit a network is for `segmentsFor`. */
export function checkGroups(value: unknown, name: string): readonly ParameterGroup[] {
  if (value === undefined) return [];
  if (!Array.isArray(value)) throw check.argumentError(name, 'an array', check.show(value));
  return value.map((each, index) => {
    const at = `${name}[${index}]`;
    const group = check.options(each as ParameterGroup, at, groupKeys);
    const { match, rateFactor = 1, weightDecay, frozen = false } = group;
    check.boolean(frozen, `${at}: frozen`);
    if (frozen && (group.rateFactor !== undefined || weightDecay !== undefined)) {
      const got = 'rateFactor or weightDecay too';
      throw check.argumentError(`${at}: frozen`, 'nothing else with it', got);
    }
    return {
      match: checkMatch(match, `${at}: match`),
      rateFactor: check.number(rateFactor, `${at}: rateFactor`, { min: 0 }),
      weightDecay:
        weightDecay === undefined
          ? undefined
          : check.number(weightDecay, `${at}: weightDecay`, { min: 0 }),
      frozen,
    };
  });
}

function checkMatch(match: unknown, name: string): ParameterGroup['match'] {
  if (match instanceof RegExp) return match;
  if (Array.isArray(match) && match.length > 0) {
    return match.map((each, index) => check.string(each, `${name}[${index}]`));
  }
  if (typeof match === 'string' && match !== '') return match;
  const expected = 'a name, a layer, a regular expression or an array of names';
  throw check.argumentError(name, expected, check.show(match));
}

/**
 * What the optimizer does with each trained parameter. `groups` as `checkGroups` gives them.
 * @param name of the option, for messages
 * @throws ERR_BNLSTM_ARGUMENT naming the group that matches nothing, or the parameter that two
 * groups match; also where nothing is left to train
 */
export function segmentsFor(
  parameters: readonly GroupedParameter[],
  groups: readonly ParameterGroup[],
  optimizer: Pick<Optimizer, 'weightDecay'>,
  name = 'trainer: groups',
): ParameterSegments {
  const trainable = parameters.filter((parameter) => parameter.trainable);
  const groupOf = new Map<GroupedParameter, number>();
  for (const [index, group] of groups.entries()) {
    const matched = matches(group.match, parameters, `${name}[${index}]: match`);
    for (const parameter of matched) {
      const other = groupOf.get(parameter);
      if (other !== undefined) {
        const got = `${parameter.name} in groups ${other} and ${index}`;
        throw check.argumentError(name, 'no parameter in two groups', got);
      }
      groupOf.set(parameter, index);
    }
    if (group.weightDecay !== undefined && !matched.some(({ decays }) => decays)) {
      const got = `only ${matched.map((each) => each.name).join(', ')}`;
      throw check.argumentError(`${name}[${index}]: weightDecay`, 'weights that decay', got);
    }
  }
  const frozen = new Set<string>();
  const segments: Segment[] = [];
  for (const parameter of trainable) {
    const group = groups[groupOf.get(parameter) ?? -1];
    if (group?.frozen) {
      frozen.add(parameter.name);
      continue;
    }
    segments.push({
      begin: parameter.offset,
      count: parameter.count,
      rateFactor: group?.rateFactor ?? 1,
      weightDecay: parameter.decays ? (group?.weightDecay ?? optimizer.weightDecay) : 0,
    });
  }
  if (segments.length === 0) {
    const got = 'all of them frozen';
    throw check.argumentError(name, 'a parameter that is left to train', got);
  }
  return { segments, frozen };
}

function matches(
  match: ParameterGroup['match'],
  parameters: readonly GroupedParameter[],
  name: string,
): GroupedParameter[] {
  const found = (test: (name: string) => boolean, show: string) => {
    const matched = parameters.filter((parameter) => test(parameter.name));
    if (matched.length === 0) {
      const all = parameters.map((parameter) => parameter.name).join(', ');
      throw check.argumentError(name, `one of ${all}`, show);
    }
    return matched;
  };
  // Unlike `test`, `search` starts at the beginning whatever the flags.
  if (match instanceof RegExp) return found((each) => each.search(match) >= 0, String(match));
  const patterns = typeof match === 'string' ? [match] : match;
  const matched = patterns.map((pattern) =>
    found((each) => each === pattern || each.startsWith(`${pattern}.`), check.show(pattern)),
  );
  return [...new Set(matched.flat())];
}
