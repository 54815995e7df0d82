import type { CudaInfo } from '../index.js';

type Row = readonly [label: string, text: string];

/** What `doctor` says of CUDA; each GPU is among the devices. */
export function cudaRows(cuda: CudaInfo): readonly Row[] {
  const { built, message, driverVersion, runtimeVersion, cublas, gpus } = cuda;
  const rows: Row[] = [['CUDA', `${built ? 'built' : 'not built'}: ${message}`]];
  if (!built) return rows;
  const driver =
    driverVersion === undefined ? 'no driver' : `the driver serves CUDA ${driverVersion}`;
  rows.push(['', `${driver}; this build needs ${runtimeVersion}`]);
  if (gpus.length > 0) rows.push(['cuBLAS', cublas ?? 'not found: see the devices']);
  return rows;
}
