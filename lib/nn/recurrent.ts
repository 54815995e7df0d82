import { bnLstm as bnLstmOp } from '../ops/bn_lstm.js';
import type { InputStatistics } from '../ops/statistics.js';
import type { Builder } from './builder.js';
import type { Fill, Initializer } from './initializers.js';
import { constant, zeros } from './initializers.js';
import { type BuiltLayer, Layer, type LayerConfig, type Signal } from './layer.js';
import type { Pass } from './pass.js';
import { misplaced, type Spec } from './spec.js';

/** How a recurrent layer normalises (docs/paper.md §1.1, §2). */
export interface Normalisation {
  readonly maxSteps: number;
  readonly inputStatistics: InputStatistics;
  readonly lengthStatistics: 'valid' | 'all';
  readonly eps: number;
  readonly gammaInit: number;
  readonly initialNoise: number;
  readonly statDecay: number | undefined;
}

/** A recurrent layer with all its options settled. */
export interface RecurrentSettings {
  readonly hidden: number;
  readonly forgetBias: number;
  readonly inputInit: Initializer;
  readonly recurrentInit: Initializer;
  readonly zoneoutCell: number;
  readonly zoneoutHidden: number;
  readonly trainInitialHidden: boolean;
  readonly trainInitialCell: boolean;
  /** Whether there is a beta_c. */
  readonly cellBias: boolean;
  /** Absent: the plain LSTM. */
  readonly normalisation?: Normalisation;
}

/** What `bnLstm`, `lstm` and `bidirectional` make. */
export class RecurrentLayer extends Layer {
  /** @internal */
  constructor(
    readonly config: LayerConfig,
    readonly settings: RecurrentSettings,
    readonly directions: 1 | 2,
  ) {
    super();
    Object.freeze(this);
  }

  override get kind(): string {
    return this.config.kind;
  }

  override toJSON(): LayerConfig {
    return this.config;
  }

  /** @internal */
  override build(builder: Builder, input: Spec): BuiltLayer {
    if (input.kind === 'features') throw misplaced(this.kind, 'sequences or token ids', input);
    const { settings, directions } = this;
    const parameters = declare(builder, input, settings, directions);
    const tokens = input.kind === 'tokens';
    const state = builder.recurrentLayer(parameters.wx, parameters.wh, { tokens });
    const { hidden, normalisation } = settings;
    const tables =
      normalisation &&
      builder.statisticsTables({
        ...normalisation,
        directions,
        hidden,
        decay: normalisation.statDecay,
      });

    const forward = (pass: Pass, { value }: Signal): Signal => {
      const { h0, c0, ...shared } = parameters;
      const noise = pass.statistics === 'batch' ? (normalisation?.initialNoise ?? 0) : 0;
      const rows = pass.initialState(state, { h0, c0, noise });
      const { y, hT, cT, statistics } = bnLstmOp(
        pass.graph,
        {
          ...(tokens ? { tokens: value } : { x: value }),
          ...pass.parameters(shared),
          packed: pass.packed(state),
          h0: rows?.h ?? pass.parameter(h0),
          c0: rows?.c ?? pass.parameter(c0),
          lengths: pass.lengths,
          firstStep: pass.firstStep,
          attempt: pass.attempt,
          population: tables && pass.tables(tables),
        },
        {
          directions,
          hidden,
          norm: normalisation ? 'batch' : 'none',
          inputStatistics: normalisation?.inputStatistics ?? 'step',
          lengthStatistics: normalisation?.lengthStatistics ?? 'valid',
          eps: normalisation?.eps ?? 0,
          initialState: rows ? 'rows' : 'learned',
          noise: rows ? 0 : noise,
          zoneoutC: settings.zoneoutCell,
          zoneoutH: settings.zoneoutHidden,
          zoneout: pass.training ? 'sample' : 'expect',
          seed: pass.seed,
          ...pass.recompute,
          plan: pass.plan,
          dtype: state.dtype,
        },
      );
      if (tables && statistics) pass.batchStatistics.push({ tables, statistics });
      pass.finalStates.push({ h: hT, c: cT });
      return { value: y, outcome: hT };
    };
    const outcome = directions === 1 ? 'last-position' : 'final-state';
    return { output: { kind: 'sequence', width: directions * hidden, outcome }, forward };
  }
}

/** The parameters of the layer, gate blocks in the order f, i, o, g. */
function declare(
  builder: Builder,
  input: Exclude<Spec, { kind: 'features' }>,
  settings: RecurrentSettings,
  directions: number,
) {
  const { hidden: H, normalisation } = settings;
  const D = input.kind === 'tokens' ? input.vocabulary : input.width;
  const parameter = (name: string, shape: readonly number[], fill: Fill, decays = false) =>
    builder.parameter({ name, shape, fill, directions, decays });
  const initial = (name: string, trainable: boolean) =>
    builder.parameter({
      name,
      shape: [H],
      fill: zeros().fill,
      directions,
      deviceShape: [directions * H],
      trainable,
    });
  const gateBias: Fill = (values) => {
    values.fill(settings.forgetBias, 0, H);
  };

  const wx = parameter('wx', [D, 4 * H], settings.inputInit.fill, true);
  const wh = parameter('wh', [H, 4 * H], settings.recurrentInit.fill, true);
  const b = parameter('b', [4 * H], gateBias);
  const gamma = normalisation && constant(normalisation.gammaInit).fill;
  return {
    wx,
    wh,
    b,
    gammaX: gamma && parameter('gamma_x', [4 * H], gamma),
    gammaH: gamma && parameter('gamma_h', [4 * H], gamma),
    gammaC: gamma && parameter('gamma_c', [H], gamma),
    betaC: settings.cellBias ? parameter('beta_c', [H], zeros().fill) : undefined,
    h0: initial('h0', settings.trainInitialHidden),
    c0: initial('c0', settings.trainInitialCell),
  };
}
