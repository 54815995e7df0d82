/** Zoneout: units of c_t or h_t that keep their previous value. */
import type { Zoneout } from './contract.js';

/** The kept fraction of element k of [B][H] at step s: a mask's 0 or 1, the rate, or 0. */
export function keptFraction(zoneout: Zoneout | undefined, s: number, k: number, size: number) {
  if (!zoneout) return 0;
  return 'mask' in zoneout ? zoneout.mask[s * size + k] : zoneout.rate;
}

/** A select for 0 and 1, their weighted sum between. */
export function mix(kept: number, previous: number, next: number): number {
  if (kept === 0 || kept === 1) return kept ? previous : next;
  return kept * previous + (1 - kept) * next;
}
