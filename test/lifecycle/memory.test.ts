import { expect, it } from 'vitest';
import { runChild } from './child.js';

// AddressSanitizer takes terabytes of addresses for itself.
const limited = process.platform === 'linux' && process.env.ASAN_OPTIONS === undefined;

it.skipIf(!limited)(
  'a batch too large is refused before anything runs; the model goes on',
  async () => {
    const code = `
    const layers = [bnLstm({ hidden: 256, maxSteps: 10 }), lastStep(), linear(4)];
    const model = await sequential({ vocabulary: 4, device: 'cpu' }, layers);
    const options = { loss: crossEntropy(), optimizer: rmsprop({ learningRate: 1e-3 }) };
    const trainer = model.trainer({ ...options, recompute: 'none' });
    const batch = (size, steps) => ({
      inputs: new Int32Array(size * steps), size, steps, targets: new Int32Array(size),
    });
    const before = await model.get('0.wh');
    const error = await trainer.step(batch(4000, 1000)).catch((error) => error);
    const after = await model.get('0.wh');
    const { code, needed, free } = error;
    const planned = model.plan({ steps: 1000, batchSize: 4000 }).bytes;
    const { index, loss } = await trainer.step(batch(8, 10));
    await model.dispose();
    console.log(JSON.stringify({
      code, free: free > 0, near: Math.abs(needed / planned - 1) < 0.01, index,
      finite: Number.isFinite(loss), same: before.every((value, i) => value === after[i]),
    }));
  `;
    const { stdout, stderr } = await runChild(code, [], { addressSpace: 16 << 20 });
    expect(stderr).toBe('');
    expect(JSON.parse(stdout)).toEqual({
      code: 'ERR_BNLSTM_OUT_OF_MEMORY',
      free: true,
      near: true,
      index: 1,
      finite: true,
      same: true,
    });
  },
);
