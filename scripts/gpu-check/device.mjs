// node scripts/gpu-check/device.mjs DEVICE: whether it can be used, before a part spends its time.
import { probeDevices } from '../../dist/index.js';

const wanted = process.argv[2] === 'cuda' ? 'cuda:0' : process.argv[2];
const { devices, cuda } = probeDevices();
const found = devices.find(({ name }) => name === wanted);
if (found?.available) {
  console.log(`figure: ${found.why}`);
} else {
  console.error(`${wanted} cannot be used: ${found?.why ?? cuda.message}`);
  process.exitCode = 1;
}
