// Modes of memory on a GPU that is small, by the emulator: in processes of their own, for its size is
// read once.
import { describe, expect, it } from 'vitest';
import { native } from '../../lib/native.js';
import { runChild } from './child.js';

const emulated = native()
  .probe()
  .devices.some(({ name }) => name === 'emulator');

const code = `
const layers = [bnLstm({ hidden: 64, maxSteps: 12 }), lastStep(), linear(4)];
const model = await sequential({ features: 2, seed: 1, device: 'emulator' }, layers);
const batch = {
  inputs: Float32Array.from({ length: 300 * 12 * 2 }, (_, i) => Math.sin(i * i)),
  targets: Int32Array.from({ length: 300 }, (_, i) => i % 4), size: 300, steps: 12,
};
const made = { loss: crossEntropy(), optimizer: rmsprop({ learningRate: 1e-3 }) };
const trainer = model.trainer({ ...made, recompute: process.env.RECOMPUTE });
const said = await trainer.step(batch).then(
  ({ loss }) => ({ loss, ...trainer.memory().step }),
  ({ code, mode, message }) => ({ code, mode, message }),
);
await model.dispose();
console.log(JSON.stringify(said));
`;

async function train(memory: number, recompute?: string) {
  const env = { BNLSTM_EMULATOR_MEMORY: String(Math.floor(memory)), RECOMPUTE: recompute };
  const { stdout, stderr, code: exit } = await runChild(code, [], { env });
  expect({ stderr, exit }).toEqual({ stderr: '', exit: 0 });
  return JSON.parse(stdout);
}

describe.skipIf(!emulated)('recompute', () => {
  it("'auto' is the first mode that 80 % of the device hold; losses have the same bits", async () => {
    const { bytes, loss, recompute } = await train(1 << 30);
    expect(recompute).toBe('none');
    expect(bytes.all).toBeLessThan(0.8 * bytes.inputs);
    expect(bytes.inputs).toBeLessThan(0.9 * bytes.none);
    for (const [mode, memory] of [
      ['none', bytes.none / 0.8 + 2],
      ['inputs', bytes.none / 0.8 - 2],
      ['inputs', bytes.inputs / 0.8 + 2],
      ['all', bytes.inputs / 0.8 - 2],
    ] as const) {
      expect(await train(memory), `${mode} in ${memory}`).toEqual({ loss, bytes, recompute: mode });
    }
  });

  it('a mode that does not fit names the one that does', async () => {
    const { bytes } = await train(1 << 30);
    expect(await train(0.95 * bytes.none, 'none')).toEqual({
      code: 'ERR_BNLSTM_OUT_OF_MEMORY',
      mode: 'inputs',
      message: expect.stringMatching(/ are free\. All of it fits with recompute: 'inputs'\. The/),
    });
    expect(await train(0.95 * bytes.inputs, 'inputs')).toMatchObject({ mode: 'all' });
    const { code, mode, message } = await train(0.5 * bytes.all);
    expect({ code, mode }).toEqual({ code: 'ERR_BNLSTM_OUT_OF_MEMORY' });
    expect(message).not.toContain('recompute');
  });
});
