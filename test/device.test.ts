import { afterEach, describe, expect, test, vi } from 'vitest';
import { cudaRows } from '../lib/cli/cuda_rows.js';
import { describeProbe, openResolved, openStream, resolveAuto } from '../lib/device.js';
import { BnLstmError, lastStep, load, probeDevices, selfTest, sequential } from '../lib/index.js';
import { type NativeProbe, type NativeStream, native } from '../lib/native.js';
import { expectError } from './model/support.js';
import { FakeStream } from './program/fake_stream.js';

afterEach(() => vi.unstubAllEnvs());

const gpu = {
  name: 'NVIDIA H100 80GB HBM3',
  capability: '9.0',
  memory: 79 * 2 ** 30,
  multiprocessors: 132,
};
const cpu = { name: 'cpu', available: true, why: 'cpu:avx2, 8 threads' };

/** What the addon would say of a machine with these GPUs. */
function machine(cuda: Partial<NativeProbe['cuda']>, gpus: readonly boolean[] = []): NativeProbe {
  const devices = gpus.map((available, number) => ({
    name: `cuda:${number}`,
    available,
    why: available ? gpu.name : `${gpu.name}: cuBLAS was not found`,
  }));
  const none = { name: 'cuda', available: false, why: cuda.message ?? '' };
  return {
    devices: [cpu, ...(gpus.length > 0 ? devices : [none])],
    instructionSet: 'avx2',
    instructionSets: [],
    threads: 8,
    cuda: {
      built: true,
      message: `${gpus.filter(Boolean).length} of ${gpus.length} GPUs can be used`,
      driverVersion: 13010,
      runtimeVersion: 13000,
      cublas: '/usr/local/cuda/lib64/libcublas.so.13',
      gpus: gpus.map(() => gpu),
      ...cuda,
    },
  };
}

const noDriver = machine({ message: 'no NVIDIA driver was found', driverVersion: 0, cublas: '' });

describe('auto', () => {
  test('is the first GPU that can be used', () => {
    expect(resolveAuto(() => machine({}, [false, true, true]), undefined)).toMatchObject({
      device: 'cuda:1',
      reason: 'the first GPU that can be used: NVIDIA H100 80GB HBM3',
    });
  });

  test('is the CPU where there is none, and says why', () => {
    expect(resolveAuto(() => noDriver, undefined)).toMatchObject({
      device: 'cpu',
      reason: 'no GPU can be used: no NVIDIA driver was found',
    });
    const unusable = machine({}, [false]);
    expect(resolveAuto(() => unusable, '')).toMatchObject({ device: 'cpu' });
  });

  test('is what BNLSTM_DEVICE says, without asking any driver', () => {
    const probe = () => expect.unreachable('nobody should ask');
    expect(resolveAuto(probe, 'cpu:portable')).toMatchObject({
      device: 'cpu:portable',
      reason: "BNLSTM_DEVICE is 'cpu:portable'",
    });
  });

  const failing = (code: 'ERR_BNLSTM_DEVICE' | 'ERR_BNLSTM_DEVICE_LOST') => {
    const opened: string[] = [];
    const open = (device: string): NativeStream => {
      opened.push(device);
      if (device !== 'cpu') throw new BnLstmError(code, 'another process has it');
      return new FakeStream();
    };
    return { open, opened };
  };
  const found = { device: 'cuda:0', reason: 'it is there', fallback: true };

  test('falls back to the CPU where the GPU does not open, and keeps the reason', () => {
    const { open, opened } = failing('ERR_BNLSTM_DEVICE');
    expect(openResolved(found, open).reason).toBe('no GPU can be used: another process has it');
    expect(opened).toEqual(['cuda:0', 'cpu']);
  });

  test('does not hide a GPU that was lost, or one that was asked for', () => {
    const lost = failing('ERR_BNLSTM_DEVICE_LOST');
    expect(() => openResolved(found, lost.open)).toThrow('another process has it');
    const asked = failing('ERR_BNLSTM_DEVICE');
    expect(() => openResolved({ ...found, fallback: false }, asked.open)).toThrow();
    expect([lost.opened, asked.opened]).toEqual([['cuda:0'], ['cuda:0']]);
  });

  test('prints nothing, and a model keeps the reason', async () => {
    const written = [process.stdout, process.stderr].map((stream) => vi.spyOn(stream, 'write'));
    vi.stubEnv('BNLSTM_DEVICE', 'cpu:portable');
    const model = await sequential({ features: 1 }, [lastStep()]);
    expect([model.device, model.deviceReason]).toEqual([
      'cpu:portable',
      "BNLSTM_DEVICE is 'cpu:portable'",
    ]);
    await model.dispose();
    vi.stubEnv('BNLSTM_DEVICE', undefined);
    const { stream, reason } = openStream({ device: 'auto', threads: 0 });
    const { devices } = probeDevices();
    const usable = devices.find(({ name, available }) => available && name.startsWith('cuda'));
    expect(stream.device.split(':')[0]).toBe(usable ? 'cuda' : 'cpu');
    expect(reason).toMatch(usable ? /^the first GPU/ : /^no GPU can be used: ./);
    stream.dispose();
    for (const write of written) expect(write).not.toHaveBeenCalled();
    vi.restoreAllMocks();
  });

  test('with a name in BNLSTM_DEVICE that is not there, is an error', async () => {
    vi.stubEnv('BNLSTM_DEVICE', 'tpu');
    const made = () => sequential({ features: 1 }, [lastStep()]);
    await expectError(made, 'ERR_BNLSTM_DEVICE', /'tpu'/);
    const model = await sequential({ features: 1, device: 'cpu' }, [lastStep()]);
    expect(model.deviceReason).toBe("'cpu' was asked for");
    await model.dispose();
  });
});

describe('a GPU by name', () => {
  const { cuda } = native().probe();

  test.skipIf(cuda.gpus.length > 0).each(['cuda', 'cuda:0', 'cuda:7'])(
    '%s throws the reason where there is none',
    async (device) => {
      const made = () => sequential({ features: 1, device }, [lastStep()]);
      await expectError(made, 'ERR_BNLSTM_DEVICE');
      await expect(made()).rejects.toThrow(`'${device}' cannot be used: ${cuda.message}`);
    },
  );

  test('that is not there is named, with those that are', async () => {
    const made = () => sequential({ features: 1, device: 'cuda:77' }, [lastStep()]);
    await expectError(made, 'ERR_BNLSTM_DEVICE', /'cuda:77'/);
  });

  test('takes tf32, which must be true or false', async () => {
    const model = await sequential({ features: 1, device: 'cpu', tf32: true }, [lastStep()]);
    await model.dispose();
    const wrong = () => sequential({ features: 1, tf32: 1 as never }, [lastStep()]);
    await expectError(wrong, 'ERR_BNLSTM_ARGUMENT', /sequential: tf32: expected true or false/);
  });

  test('takes a plan, which must be one of four', async () => {
    const code = 'ERR_BNLSTM_ARGUMENT';
    const words = 'plan: expected "auto" or "steps" or "persistent" or "overlapped", got "fast"';
    const options = { device: 'cpu', plan: 'fast' as never };
    const made = () => sequential({ features: 1, ...options }, [lastStep()]);
    await expectError(made, code, new RegExp(`^sequential: ${words}`));
    await expectError(() => load('nowhere', options), code, new RegExp(`^load: ${words}`));
    await expectError(() => selfTest(options), code, new RegExp(`^selfTest: ${words}`));
  });
});

describe('probeDevices', () => {
  test('is what the addon found, frozen', () => {
    const probe = probeDevices();
    expect(probe.devices).toEqual(native().probe().devices);
    expect(probe.devices.map(({ name }) => name)).toContain('cpu:portable');
    for (const part of [probe, probe.devices, ...probe.devices, probe.cuda, probe.cuda.gpus]) {
      expect(Object.isFrozen(part)).toBe(true);
    }
  });

  test('says versions as people do, and nothing where there is nothing', () => {
    expect(describeProbe(machine({}, [true])).cuda).toEqual({
      built: true,
      message: '1 of 1 GPUs can be used',
      driverVersion: '13.1',
      runtimeVersion: '13.0',
      cublas: '/usr/local/cuda/lib64/libcublas.so.13',
      gpus: [gpu],
    });
    const { driverVersion, cublas } = describeProbe(noDriver).cuda;
    expect([driverVersion, cublas]).toEqual([undefined, undefined]);
  });
});

describe('what doctor says of CUDA', () => {
  const rowsOf = (probe: NativeProbe) => cudaRows(describeProbe(probe).cuda);

  test('built without it', () => {
    const unbuilt = machine({ built: false, message: 'no CUDA code', runtimeVersion: 0 });
    expect(rowsOf(unbuilt)).toEqual([['CUDA', 'not built: no CUDA code']]);
  });

  test('no driver, and an old one', () => {
    expect(rowsOf(noDriver)).toEqual([
      ['CUDA', 'built: no NVIDIA driver was found'],
      ['', 'no driver; this build needs 13.0'],
    ]);
    expect(rowsOf(machine({ message: 'update it', driverVersion: 12040 }))).toEqual([
      ['CUDA', 'built: update it'],
      ['', 'the driver serves CUDA 12.4; this build needs 13.0'],
    ]);
  });

  test('a GPU, with and without cuBLAS', () => {
    expect(rowsOf(machine({}, [true])).at(-1)).toEqual([
      'cuBLAS',
      '/usr/local/cuda/lib64/libcublas.so.13',
    ]);
    expect(rowsOf(machine({ cublas: '' }, [false])).at(-1)).toEqual([
      'cuBLAS',
      'not found: see the devices',
    ]);
  });
});
