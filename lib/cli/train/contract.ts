// Stands in for what is being written elsewhere; to be deleted.

import type { DataSource, HistoryRecord, Model } from '../../index.js';
import * as api from '../../index.js';

export interface FitResult {
  readonly stoppedBy: 'finished' | 'early-stopping' | 'aborted' | 'not-finite';
  readonly index: number;
  readonly epoch: number;
  readonly seconds: number;
  readonly best?: { readonly index: number; readonly loss: number; readonly accuracy?: number };
  readonly validation?: Extract<HistoryRecord, { type: 'validation' }>;
  readonly checkpoint?: string;
}
interface Trainer {
  fit(data: DataSource, options: Record<string, unknown>): Promise<FitResult>;
}
export function trainerOf(model: Model, options: unknown): Trainer {
  return model.trainer(options as never) as unknown as Trainer;
}
// biome-ignore lint/suspicious/noExplicitAny: until it is there
export const { sgd, adamw, stepDecay, cosine, plateau } = api as any;
