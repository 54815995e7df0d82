import type { NativeStream } from '../../lib/native.js';
import type { GoldenCase } from '../reference/golden.js';
import { type Comparison, judge, type Verdict } from './comparison.js';
import { compareLanguageModel } from './language_model.js';
import { compareOptimizers } from './optimizer.js';
import { compareStatistics } from './statistics.js';
import { compareStep } from './step.js';

function run(stream: NativeStream, golden: GoldenCase): Promise<Comparison[]> {
  switch (golden.kind) {
    case 'step':
      return compareStep(stream, golden);
    case 'statistics':
      return compareStatistics(stream, golden);
    case 'languageModel':
      return compareLanguageModel(stream, golden);
    case 'optimizer':
      return compareOptimizers(stream, golden);
  }
}

/** Runs one case of a golden file on a device and judges every tensor of it. */
export async function compareGolden(stream: NativeStream, golden: GoldenCase): Promise<Verdict[]> {
  return judge(golden.name, await run(stream, golden));
}
