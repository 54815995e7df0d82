import type { FloatType, NativeStream } from '../../lib/native.js';
import type { GoldenCase } from '../reference/golden.js';
import { type Comparison, judge, type Verdict } from './comparison.js';
import { compareLanguageModel } from './language_model.js';
import { compareOptimizers } from './optimizer.js';
import { compareStatistics } from './statistics.js';
import { compareStep } from './step.js';

function run(stream: NativeStream, golden: GoldenCase, dtype: FloatType): Promise<Comparison[]> {
  switch (golden.kind) {
    case 'step':
      return compareStep(stream, golden, dtype);
    case 'statistics':
      return compareStatistics(stream, golden);
    case 'languageModel':
      return compareLanguageModel(stream, golden, dtype);
    case 'optimizer':
      return compareOptimizers(stream, golden);
  }
}

/**
 * Runs one case of a golden file on a device and judges every tensor of it. Statistics and
 * optimizers are f32 in any case.
 */
export async function compareGolden(
  stream: NativeStream,
  golden: GoldenCase,
  dtype: FloatType = 'f32',
): Promise<Verdict[]> {
  const hasActivations = golden.kind === 'step' || golden.kind === 'languageModel';
  return judge(golden.name, await run(stream, golden, dtype), hasActivations ? dtype : 'f32');
}
