import { native } from '../../lib/native.js';

/** In place of all: `BNLSTM_TEST_DEVICES=cuda:0,emulator`. Each must be there. `cpu:*`: all of the CPU. */
const chosen = process.env.BNLSTM_TEST_DEVICES?.split(',');

/**
 * Every device that this machine and build offer: the numeric suite runs on all of them. Without
 * `cpu`, which is another name of one of them.
 */
export const devices: readonly string[] =
  chosen?.flatMap((name) => (name === 'cpu:*' ? setsOfCpu() : name)) ??
  all().filter((name) => name !== 'cpu');

/** Those that train in reasonable time. */
export const realDevices: readonly string[] = devices.filter((name) => name !== 'emulator');

/** Its instruction sets. */
function setsOfCpu(): readonly string[] {
  return all().filter((name) => name.startsWith('cpu:'));
}

function all(): readonly string[] {
  return native()
    .probe()
    .devices.filter(({ available }) => available)
    .map(({ name }) => name);
}

const missing = devices.filter((name) => !all().includes(name));
if (missing.length > 0) {
  throw new Error(`BNLSTM_TEST_DEVICES: not there: ${missing.join(', ')}; ${all().join(', ')} are`);
}
