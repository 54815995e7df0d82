import { native } from '../../lib/native.js';

/**
 * Every device that this machine and build offer: the numeric suite runs on all of them. Without
 * `cpu`, which is another name of one of them.
 */
export const devices: readonly string[] = native()
  .probe()
  .devices.filter(({ name, available }) => available && name !== 'cpu')
  .map(({ name }) => name);
