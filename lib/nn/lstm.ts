import * as check from '../check.js';
import { checkInitializer, type Initializer, orthogonal } from './initializers.js';
import { RecurrentLayer } from './recurrent.js';

/** What `bnLstm` and `lstm` have in common. */
export interface RecurrentOptions {
  /** H, the number of hidden units. */
  readonly hidden: number;
  /** Initial bias of the forget gate; other biases start at 0. Default 1. */
  readonly forgetBias?: number | undefined;
  /** Input weights [D][4H]. Default `orthogonal()`. */
  readonly inputInit?: Initializer | undefined;
  /** Recurrent weights [H][4H]. Default `orthogonal()`; `paperInit` has the paper's per task. */
  readonly recurrentInit?: Initializer | undefined;
  /** Probability of a unit keeping its cell value for a step (Krueger et al. 2017). Default 0. */
  readonly zoneoutCell?: number | undefined;
  /** The same of its hidden value. Default 0. */
  readonly zoneoutHidden?: number | undefined;
  /** Whether h0, zero at first, is learned. Default true. */
  readonly trainInitialHidden?: boolean | undefined;
  /** Whether c0, zero at first, is learned. Default true. */
  readonly trainInitialCell?: boolean | undefined;
}

export const recurrentOptionNames = [
  'hidden',
  'forgetBias',
  'inputInit',
  'recurrentInit',
  'zoneoutCell',
  'zoneoutHidden',
  'trainInitialHidden',
  'trainInitialCell',
];

/** Checks the common options and fills in their defaults. */
export function recurrentSettings(options: RecurrentOptions, layer: string) {
  const name = (option: string) => `${layer}: ${option}`;
  const flag = (option: 'trainInitialHidden' | 'trainInitialCell') =>
    check.boolean(options[option] ?? true, name(option));
  const rate = (option: 'zoneoutCell' | 'zoneoutHidden') =>
    check.number(options[option] ?? 0, name(option), { min: 0, below: 1 });
  const initializer = (option: 'inputInit' | 'recurrentInit') =>
    checkInitializer(options[option] ?? orthogonal(), name(option));
  return {
    hidden: check.integer(options.hidden, name('hidden'), { min: 1 }),
    forgetBias: check.number(options.forgetBias ?? 1, name('forgetBias')),
    inputInit: initializer('inputInit'),
    recurrentInit: initializer('recurrentInit'),
    zoneoutCell: rate('zoneoutCell'),
    zoneoutHidden: rate('zoneoutHidden'),
    trainInitialHidden: flag('trainInitialHidden'),
    trainInitialCell: flag('trainInitialCell'),
  };
}

export interface LstmOptions extends RecurrentOptions {
  /** The authors' extra bias in their baseline, h = o tanh(c + beta_c). Default true. */
  readonly cellBias?: boolean | undefined;
}

/**
 * The plain LSTM: as `bnLstm`, with every normalisation the identity. Its parameters are `wx`
 * [D][4H], `wh` [H][4H], `b` [4H], `beta_c` [H], `h0` and `c0` [H], gate blocks in the order
 * f, i, o, g.
 * @throws ERR_BNLSTM_ARGUMENT
 */
export function lstm(options: LstmOptions): RecurrentLayer {
  options = check.options(options, 'lstm', [...recurrentOptionNames, 'cellBias']);
  const cellBias = check.boolean(options.cellBias ?? true, 'lstm: cellBias');
  const settings = { ...recurrentSettings(options, 'lstm'), cellBias };
  return new RecurrentLayer({ kind: 'lstm', options: settings }, settings, 1);
}
