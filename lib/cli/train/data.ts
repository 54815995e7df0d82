import { BnLstmError } from '../../errors.js';
import { type DataSource, mnist } from '../../index.js';
import type { DataConfig } from './data_schema.js';
import type { RunConfig } from './schema.js';

export interface RunData {
  readonly train: DataSource;
  readonly validation?: DataSource | undefined;
  readonly test?: DataSource | undefined;
}

/** Sequences without targets, for predictions. */
export async function openInputs(
  file: string,
  _: { readonly config: RunConfig | undefined; readonly lengths: string | undefined },
): Promise<DataSource> {
  throw new BnLstmError('ERR_BNLSTM_UNSUPPORTED', file);
}

/** Opens the data of a configuration. */
export async function openData(data: DataConfig, _seed: number): Promise<RunData> {
  if (data.kind === 'mnist') {
    const { pixelOrder, permutationSeed: seed, directory } = data;
    const { train, valid, test } = await mnist({ pixelOrder, seed, directory });
    return { train, validation: valid, test };
  }
  throw new BnLstmError('ERR_BNLSTM_UNSUPPORTED', data.kind);
}
