import { expect, test } from 'vitest';
import { bidirectional } from '../../lib/nn/bidirectional.js';
import { Feed } from '../../lib/nn/feed.js';
import { lastStep } from '../../lib/nn/last_step.js';
import { linear } from '../../lib/nn/linear.js';
import { crossEntropy, recordLoss } from '../../lib/nn/loss.js';
import { lstm } from '../../lib/nn/lstm.js';
import { Network } from '../../lib/nn/network.js';
import { Graph } from '../../lib/program/graph.js';
import type { Recompute } from '../../lib/recompute.js';
import { noiseBatch } from '../model/support.js';

test('the plan of the network is that of each recurrent op', () => {
  for (const plan of [undefined, 'auto', 'steps', 'persistent', 'overlapped'] as const) {
    const network = Network.open({
      ...{ device: 'cpu', threads: 1, seed: 1, dtype: 'f32', ...(plan && { plan }) },
      input: { kind: 'sequence', width: 3, outcome: 'last-position' },
      layers: [lstm({ hidden: 4 }), bidirectional(lstm({ hidden: 2 })), lastStep(), linear(4)],
    });
    try {
      const loss = crossEntropy();
      const graph = new Graph(network.stream);
      const { shape } = new Feed(network, noiseBatch({ count: 2 }), loss);
      const options = { training: true, statistics: 'batch' } as const;
      const { pass, outputs } = network.forward(graph, shape, options);
      graph.backward(recordLoss(graph, loss, outputs, pass.feed).loss);
      const recurrent = graph.ops.filter(({ name }) => /^bnLstm(Backward)?$/.test(name));
      expect(recurrent.map(({ options }) => options.plan)).toEqual(Array(4).fill(plan ?? 'auto'));
    } finally {
      network.dispose();
    }
  }
});

test('recompute becomes what bnLstm takes, for forward and backward alike', () => {
  const network = Network.open({
    device: 'cpu',
    threads: 1,
    seed: 1,
    dtype: 'f32',
    input: { kind: 'sequence', width: 3, outcome: 'last-position' },
    layers: [lstm({ hidden: 4 }), lstm({ hidden: 2 }), lastStep(), linear(4)],
  });
  try {
    const loss = crossEntropy();
    const options = (steps: number, recompute?: Recompute) => {
      const graph = new Graph(network.stream);
      const feed = new Feed(network, noiseBatch({ count: 2, steps }), loss);
      const { pass, outputs } = network.forward(graph, feed.shape, {
        training: true,
        statistics: 'batch',
        ...(recompute !== undefined && { recompute }),
      });
      graph.backward(recordLoss(graph, loss, outputs, pass.feed).loss);
      const recurrent = graph.ops.filter(({ name }) => name.startsWith('bnLstm'));
      expect(recurrent).toHaveLength(4);
      const [given, ...others] = recurrent.map(({ options: { recompute, recomputeInputs } }) => [
        recompute,
        recomputeInputs,
      ]);
      expect(others).toEqual([given, given, given]);
      return given;
    };
    expect(options(784)).toEqual([0, false]);
    expect(options(784, 'none')).toEqual([0, false]);
    expect(options(784, 'inputs')).toEqual([0, true]);
    expect(options(784, 'all')).toEqual([28, true]);
    expect(options(785, 'all')).toEqual([29, true]);
    expect(options(784, 50)).toEqual([50, false]);
    expect(options(51, 50)).toEqual([50, false]);
    // One chunk would save nothing and cost a second forward pass.
    expect(options(50, 50)).toEqual([0, false]);
    expect(options(1, 'all')).toEqual([0, true]);
  } finally {
    network.dispose();
  }
});
