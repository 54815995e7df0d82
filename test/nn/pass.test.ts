import { expect, test } from 'vitest';
import { Feed } from '../../lib/nn/feed.js';
import { lastStep } from '../../lib/nn/last_step.js';
import { linear } from '../../lib/nn/linear.js';
import { crossEntropy, recordLoss } from '../../lib/nn/loss.js';
import { lstm } from '../../lib/nn/lstm.js';
import { Network } from '../../lib/nn/network.js';
import { Graph } from '../../lib/program/graph.js';
import { noiseBatch } from '../model/support.js';

test('recompute becomes steps per chunk, for forward and backward alike', () => {
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
    const options = (steps: number, recompute?: boolean | number) => {
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
      const [given, ...others] = recurrent.map(({ options: { recompute } }) => recompute);
      expect(others).toEqual([given, given, given]);
      return given;
    };
    expect(options(784)).toBe(0);
    expect(options(784, false)).toBe(0);
    expect(options(784, true)).toBe(28);
    expect(options(785, true)).toBe(29);
    expect(options(784, 50)).toBe(50);
    expect(options(51, 50)).toBe(50);
    // One chunk would save nothing and cost a second forward pass.
    expect(options(50, 50)).toBe(0);
    expect(options(1, true)).toBe(0);
  } finally {
    network.dispose();
  }
});
