import { native } from '../../lib/native.js';

/** Every device that this machine and build offer: the numeric suite runs on all of them. */
export const devices: readonly string[] = native()
  .probe()
  .devices.filter(({ available }) => available)
  .map(({ name }) => name);
