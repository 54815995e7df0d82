import { describe, expect, it } from 'vitest';
import { fuzz } from './fuzz.js';
import { type Target, targets } from './targets.js';

describe('the fuzzer', () => {
  it.each([
    ['safetensors', 4000, ['ERR_BNLSTM_CHECKSUM', 'ERR_BNLSTM_FORMAT', 'taken']],
    ['history', 4000, ['ERR_BNLSTM_FORMAT', 'taken']],
    ['model', 400, ['ERR_BNLSTM_FORMAT', 'taken']],
    ['checkpoint', 400, ['ERR_BNLSTM_FORMAT', 'ERR_BNLSTM_CHECKPOINT', 'taken']],
  ] as const)('finds nothing in %s', async (name, executions, outcomes) => {
    const target: Target = await targets[name]();
    try {
      const result = await fuzz(target, { executions, seed: 1 });
      expect(result.findings).toEqual([]);
      expect(result.executions).toBe(executions);
      for (const outcome of outcomes) expect(result.outcomes[outcome]).toBeGreaterThan(10);
      expect(result.reasons).toBeGreaterThan(15);
    } finally {
      await target.close?.();
    }
  });

  it('finds what there is, and finds it again', async () => {
    const { make } = targets.safetensors();
    const target: Target = {
      make,
      read(bytes) {
        if (bytes.includes('__proto__')) throw new TypeError('a bug');
      },
    };
    const { findings } = await fuzz(target, { executions: 2000, seed: 3 });
    expect(findings.length).toBe(20);
    const { execution, bytes, message } = findings[7];
    expect(message).toContain('TypeError: a bug');
    const again = await fuzz(target, { executions: 1, seed: 3, first: execution });
    expect(again.findings[0].bytes).toEqual(bytes);
  });
});
