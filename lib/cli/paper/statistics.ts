/**
 * How population statistics of a trained net settle over the first time steps (paper, appendix A):
 * the reason why they are per step. The paper shows it on Penn Treebank, where all positions of a
 * sequence are alike; so are they in the recall task, after its first symbol. In scanline order
 * MNIST is not: what changes with the picture's lines then shows as well.
 */
import { basename } from 'node:path';
import { type LayerStatistics, load, type Model } from '../../index.js';
import type { Choice, Measurement } from './experiment.js';
import { recallData, recallModel, recallSettings, recallTraining } from './recall.js';

const names = ['recurrentMean', 'recurrentVar', 'cellMean', 'cellVar'] as const;

export interface Settling {
  /** Mean over the units at the last step. */
  readonly last: number;
  /** By step: the mean over units of |v_t − v_T|, relative to that of the first step. */
  readonly distance: readonly number[];
}

/** @param table [steps][width] */
export function settling(table: Float32Array, steps: number): Settling {
  const width = table.length / steps;
  const end = table.subarray((steps - 1) * width);
  const distance = Array.from({ length: steps }, (_, t) => {
    const row = table.subarray(t * width, (t + 1) * width);
    return row.reduce((sum, value, j) => sum + Math.abs(value - end[j]), 0) / width;
  });
  return {
    last: end.reduce((sum, value) => sum + value, 0) / width,
    distance: distance.map((value) => value / distance[0]),
  };
}

function describe(layer: LayerStatistics) {
  const round = (value: number) => Number(value.toPrecision(3));
  return Object.fromEntries(
    names.map((name) => {
      const { last, distance } = settling(layer[name], layer.maxSteps);
      return [name, { last: round(last), distance: distance.map(round) }];
    }),
  );
}

/** A BN-LSTM that has learned the recall task, with its statistics. */
async function recallNet({ seed, device, threads, limit, ...choice }: Choice): Promise<Model> {
  const { batchSize } = recallSettings;
  const model = await recallModel(recallSettings.gammaInit, { device, threads, seed });
  const { train } = recallData(seed);
  const trainer = model.trainer(recallTraining(choice.decay));
  const iterations = choice.iterations ?? recallSettings.iterations;
  for await (const _ of trainer.run(train, { batchSize, iterations }));
  trainer.dispose();
  await model.estimateStatistics(train, { batchSize, limit });
  return model;
}

export const statisticsOverTime: Measurement = {
  name: 'statistics',
  summary: 'How population statistics settle over time: of the recall task, or of a saved model',
  takes: ['model'],
  settings: {},
  async measure(choice, say) {
    const { model: path, device, threads } = choice;
    const model = path ? await load(path, { device, threads }) : await recallNet(choice);
    try {
      const { layers, status } = await model.statistics();
      return layers.map((layer) => {
        const tables = describe(layer);
        for (const [name, { distance }] of Object.entries(tables)) {
          const at = [2, 3, 6, 11, 16, 21].filter((step) => step <= distance.length);
          const values = at.map((step) => `${distance[step - 1].toFixed(3)} (${step})`);
          say(`${name}: distance from the last step, by step: ${values.join(', ')}`);
        }
        const of = path ? basename(path) : 'the recall task';
        const settings = path ? undefined : recallSettings;
        return { of, settings, layer: layer.layer, steps: layer.maxSteps, status, tables };
      });
    } finally {
      await model.dispose();
    }
  },
};
