// A process that does nothing but time cuDNN: see cudnn.ts.
import { type NativeCudnnSettings, native } from '../../../native.js';
import type { CudnnAnswer } from './cudnn.js';

process.on('message', (settings: NativeCudnnSettings) => {
  let answer: CudnnAnswer;
  try {
    answer = { times: native().cudnnLstm(settings) };
  } catch (error) {
    answer = { failure: (error as Error).message };
  }
  process.send?.(answer);
});
