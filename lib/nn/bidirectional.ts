import * as check from '../check.js';
import { RecurrentLayer } from './recurrent.js';

/**
 * Runs a `bnLstm` or `lstm` forwards and, with weights and statistics of its own, backwards over
 * the unpadded part of each row: sequences [B][T][2·hidden] out, aligned with the input, forward
 * half first. `lastStep` after it takes the final state of both. Parameters and statistics have a
 * leading axis of 2.
 * @throws ERR_BNLSTM_ARGUMENT
 */
export function bidirectional(layer: RecurrentLayer): RecurrentLayer {
  const given = check.instance(
    layer,
    'bidirectional: layer',
    RecurrentLayer,
    'a bnLstm(...) or lstm(...)',
  );
  if (given.directions === 2) {
    throw check.argumentError('bidirectional: layer', 'one direction', 'a bidirectional layer');
  }
  const config = { kind: 'bidirectional', options: { layer: given.config } };
  return new RecurrentLayer(config, given.settings, 2);
}
