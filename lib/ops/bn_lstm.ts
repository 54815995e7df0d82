import { argumentError } from '../check.js';
import type { FloatType } from '../native.js';
import type { Graph } from '../program/graph.js';
import type { Gradients } from '../program/recording.js';
import type { Shape, Value } from '../program/value.js';
import { checkOperand, operandError } from './operand.js';
import { type Seed, seedOptions } from './seed.js';
import {
  checkStatistics,
  type InputStatistics,
  mapStatistics,
  type StatisticsValues,
  statisticsNames,
  statisticsShapes,
} from './statistics.js';

export const bnLstmPlans = ['auto', 'steps', 'persistent', 'overlapped'] as const;
/**
 * Which of a GPU's ways computes a recurrent layer: 'steps', each step by launches of its own;
 * 'persistent', many steps by one; 'overlapped', the same beside what goes before and after other steps;
 * 'auto', the engine's choice. They may differ in the last bits.
 */
export type BnLstmPlan = (typeof bnLstmPlans)[number];
/** Rows of a batch that 'persistent' and 'overlapped' hold (native/cuda/bn_lstm_plan.cpp). */
export const persistentRows = 128;

/** T steps, B rows, D input size (or vocabulary V), H hidden size, R directions. */
export interface BnLstmOperands {
  /** [T][B][D] of `dtype`; or `tokens` instead: [T][B] i32 in [0, V). */
  readonly x?: Value | undefined;
  readonly tokens?: Value | undefined;
  /** u8, as bnLstmPack with the same `dtype` has left it since `wx` or `wh` changed last. */
  readonly packed: Value;
  /** [R][D][4H] and [R][H][4H], gate order f, i, o, g: where gradients go; read from `packed`. */
  readonly wx: Value;
  readonly wh: Value;
  /** [R][4H]. */
  readonly b: Value;
  /** [R][4H], [R][4H] and [R][H]: with `norm: 'batch'` only. */
  readonly gammaX?: Value | undefined;
  readonly gammaH?: Value | undefined;
  readonly gammaC?: Value | undefined;
  /** [R][H]: may be missing with `norm: 'none'`. */
  readonly betaC?: Value | undefined;
  /** [R*H] if `initialState` is 'learned', [B][R*H] if it is 'rows'. */
  readonly h0: Value;
  readonly c0: Value;
  /** [B] i32, 0 to T: a row that has ended keeps its h and c. */
  readonly lengths?: Value | undefined;
  /** [B] i32: the table row of each row's first step (absent: 0). */
  readonly firstStep?: Value | undefined;
  /** [1] i32: the attempted training step; for noise and sampled zoneout. */
  readonly attempt?: Value | undefined;
  /** Tables to normalise with; absent: the batch's own statistics. */
  readonly population?: StatisticsValues | undefined;
}

export interface BnLstmOptions {
  readonly directions: number;
  readonly hidden: number;
  /** 'none' is the plain LSTM. */
  readonly norm: 'batch' | 'none';
  readonly inputStatistics: InputStatistics;
  /** Whether rows that have ended are left out of the statistics. */
  readonly lengthStatistics: 'valid' | 'all';
  /** Added to variances, inside the root. */
  readonly eps: number;
  readonly initialState: 'learned' | 'rows';
  /** Standard deviation of what is added to h0. */
  readonly noise: number;
  /** Rates at which c and h keep their previous values. */
  readonly zoneoutC: number;
  readonly zoneoutH: number;
  readonly zoneout: 'sample' | 'expect';
  readonly seed: Seed;
  /**
   * Of x, y, hT and their gradients, and of the products' operands. States, statistics, parameters
   * and their gradients are f32 in any case. Default 'f32'.
   */
  readonly dtype?: FloatType;
  /**
   * Steps per chunk: `saved` then holds only h and c at the borders of chunks, and backward computes
   * the rest anew, chunk by chunk. The same bits in less memory and more time. Default 0: all is
   * saved.
   */
  readonly recompute?: number;
  /**
   * `saved` leaves out what is kept of the inputs' products, which backward computes anew. The same
   * bits in less memory and more time; an engine may keep more. Default false.
   */
  readonly recomputeInputs?: boolean;
  /** Refused where the device lacks it, or it does not serve the shape. Default 'auto'. */
  readonly plan?: BnLstmPlan;
}

export interface BnLstmResult {
  /** h of all steps, [T][B][R*H], of `dtype`. */
  readonly y: Value;
  /** h and c after each row's last step, [B][R*H]: h of `dtype`, c f32. */
  readonly hT: Value;
  readonly cT: Value;
  /** c of all steps, [T][B][R*H] f32; no gradient flows through it. */
  readonly cAll: Value;
  /** The batch's statistics, S = T; with `norm: 'batch'` and no `population`. */
  readonly statistics?: StatisticsValues;
}

const op = 'bnLstm';

/**
 * The batch-normalised LSTM over a whole sequence (native/ops/bn_lstm.h has the equations). What
 * nobody reads of y, hT, cT and cAll is not written, and nothing is saved unless a gradient
 * follows.
 */
export function bnLstm(
  graph: Graph,
  operands: BnLstmOperands,
  options: BnLstmOptions,
): BnLstmResult {
  const { steps, batch } = check(operands, options);
  const { directions, hidden, norm, inputStatistics, zoneoutC, zoneoutH } = options;
  const { dtype = 'f32', recompute = 0, recomputeInputs = false, plan = 'auto' } = options;
  const { population, attempt, ...rest } = operands;
  const width = directions * hidden;
  const random = options.noise > 0 || (options.zoneout === 'sample' && zoneoutC + zoneoutH > 0);
  if (random && attempt === undefined) throw argumentError(`${op}: attempt`, 'i32 [1]', 'nothing');

  const shapes = statisticsShapes(directions, steps, hidden, inputStatistics);
  const statistics =
    norm === 'batch' && !population
      ? mapStatistics((name) => graph.value('f32', shapes[name], name))
      : undefined;
  const y = graph.value(dtype, [steps, batch, width], 'y');
  const hT = graph.value(dtype, [batch, width], 'hT');
  const cT = graph.value('f32', [batch, width], 'cT');
  const cAll = graph.value('f32', [steps, batch, width], 'cAll');
  const saved = graph.blob('saved');
  const inputs = { ...rest, ...population, ...(random && { attempt }) };
  const { seed, ...plain } = options;
  const nativeOptions = {
    ...plain,
    ...seedOptions(seed),
    dtype,
    recompute,
    recomputeInputs,
    plan,
    ...(operands.tokens && { vocabulary: operands.wx.shape[1] }),
    statistics: population ? 'population' : 'batch',
    stream: random ? graph.nextStream() : 0,
  };

  graph.record({
    name: op,
    inputs,
    outputs: { y, hT, cT, cAll, ...statistics, saved, scratch: graph.blob('scratch') },
    optional: ['y', 'hT', 'cT', 'cAll', 'saved'],
    constants: ['cAll', 'saved', 'scratch', ...statisticsNames],
    options: nativeOptions,
    gradient: (gradients) =>
      graph.record({
        name: 'bnLstmBackward',
        inputs: {
          ...inputs,
          ...statistics,
          saved,
          dy: gradients.of(y),
          dhT: gradients.of(hT),
          dcT: gradients.of(cT),
        },
        outputs: { ...destinations(operands, gradients), scratch: graph.blob('scratch') },
        options: nativeOptions,
      }),
  });
  return { y, hT, cT, cAll, ...(statistics && { statistics }) };
}

function destinations(operands: BnLstmOperands, gradients: Gradients) {
  const { x, wx, wh, b, gammaX, gammaH, gammaC, betaC, h0, c0 } = operands;
  return {
    dx: x && gradients.needs(x) ? gradients.into(x) : undefined,
    dwx: gradients.into(wx),
    dwh: gradients.into(wh),
    db: gradients.into(b),
    dgammaX: gammaX && gradients.into(gammaX),
    dgammaH: gammaH && gradients.into(gammaH),
    dgammaC: gammaC && gradients.into(gammaC),
    dbetaC: betaC && gradients.into(betaC),
    dh0: gradients.into(h0),
    dc0: gradients.into(c0),
  };
}

/** Checks every operand against the sizes that x (or tokens), wx and the options give. */
function check(operands: BnLstmOperands, options: BnLstmOptions) {
  const { x, tokens, wx, population } = operands;
  const { directions: R, hidden: H, norm, inputStatistics, dtype = 'f32' } = options;
  const sequence = x ?? tokens;
  if (sequence === undefined || (x && tokens)) {
    throw argumentError(`${op}: x, tokens`, 'one of them', x ? 'both' : 'none');
  }
  const [steps, batch, inputs] = [...sequence.shape, ...(tokens ? [wx.shape[1]] : [])];
  if (steps === undefined || batch === undefined || inputs === undefined) {
    const expected = x ? `${dtype} [T][B][D]` : 'i32 [T][B]';
    throw operandError(op, x ? 'x' : 'tokens', expected, sequence);
  }
  if (x) checkOperand(op, 'x', x, dtype, [steps, batch, inputs]);
  if (tokens) checkOperand(op, 'tokens', tokens, 'i32', [steps, batch]);

  const normalised = norm === 'batch';
  const expect = (name: keyof BnLstmOperands, shape: Shape, needed = true) => {
    const value = operands[name] as Value | undefined;
    if (value) checkOperand(op, name, value, 'f32', shape);
    else if (needed) throw argumentError(`${op}: ${name}`, 'a value', 'nothing');
  };
  expect('wx', [R, inputs, 4 * H]);
  expect('wh', [R, H, 4 * H]);
  expect('b', [R, 4 * H]);
  expect('gammaX', [R, 4 * H], normalised);
  expect('gammaH', [R, 4 * H], normalised);
  expect('gammaC', [R, H], normalised);
  expect('betaC', [R, H], normalised);
  const state = options.initialState === 'learned' ? [R * H] : [batch, R * H];
  expect('h0', state);
  expect('c0', state);
  for (const name of ['lengths', 'firstStep'] as const) {
    if (operands[name]) checkOperand(op, name, operands[name], 'i32', [batch]);
  }
  if (operands.attempt) checkOperand(op, 'attempt', operands.attempt, 'i32', [1]);
  if (population) {
    const tableSteps = population.recurrentMean.shape[1] ?? 0;
    checkStatistics(op, population, statisticsShapes(R, tableSteps, H, inputStatistics));
  }
  return { steps, batch };
}
