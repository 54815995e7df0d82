import type { FloatType } from '../../lib/native.js';

/** One tensor, as the package computed it and as the file has it. */
export interface Comparison {
  readonly tensor: string;
  readonly kind: 'forward' | 'gradient';
  readonly actual: ArrayLike<number>;
  readonly expected: ArrayLike<number>;
}

export interface Verdict {
  readonly tensor: string;
  /** Forward values: absolute, or relative to the largest if that exceeds 1. Gradients: relative. */
  readonly error: number;
  /** Infinity: reported, not judged. */
  readonly tolerance: number;
  readonly passed: boolean;
}

const tolerances = {
  f32: { forward: 1e-6, gradient: 1e-5 },
  bf16: { forward: 1e-2, gradient: 5e-2 },
} as const;

const notJudged = Number.POSITIVE_INFINITY;

/**
 * In the case of zero variance gradients of 3e6 cancel to O(1), so that plain float32 loops are off
 * as far (dWx by 60 % of its largest: not judged, but it has to be finite).
 */
const constantPrefix: Readonly<Record<string, number>> = { dwx: notJudged, db: 1e-2, dbetaC: 1e-2 };

/** The same in bf16, where the digits before the cancelling are two. */
const constantPrefixBf16: Readonly<Record<string, number>> = { dwx: notJudged, dbetaC: notJudged };

function toleranceOf(name: string, { tensor, kind }: Comparison, dtype: FloatType): number {
  const usual = tolerances[dtype][kind];
  if (kind === 'forward') return usual;
  if (dtype === 'f32') return name === 'constant_prefix' ? (constantPrefix[tensor] ?? 1e-3) : usual;
  // A sum over y of either sign; and a few running rows with eps 1e-5: 1/sqrt(var + eps) magnifies.
  if (tensor === 'loss') return notJudged;
  if (name === 'mask_valid') return 0.3;
  return name === 'constant_prefix' ? (constantPrefixBf16[tensor] ?? usual) : usual;
}

function largest(values: ArrayLike<number>): number {
  let most = 0;
  for (let k = 0; k < values.length; k++) most = Math.max(most, Math.abs(values[k]));
  return most;
}

/** The largest difference; NaN if there is a NaN or the lengths differ. */
function difference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let most = a.length === b.length ? 0 : Number.NaN;
  for (let k = 0; k < b.length; k++) most = Math.max(most, Math.abs(a[k] - b[k]));
  return most;
}

/** Judges the tensors of one case, computed in `dtype` and expected in full precision. */
export function judge(
  name: string,
  comparisons: readonly Comparison[],
  dtype: FloatType = 'f32',
): Verdict[] {
  const gradients = comparisons.filter(({ kind }) => kind === 'gradient');
  const largestGradient = Math.max(0, ...gradients.map(({ expected }) => largest(expected)));
  return comparisons.map((comparison) => {
    const { tensor, kind, actual, expected } = comparison;
    const own = largest(expected);
    // A gradient that is zero but for rounding is measured by the other gradients.
    const ownOrAll = own > 1e-12 * largestGradient ? own : largestGradient;
    const scale = kind === 'forward' ? Math.max(1, own) : ownOrAll || 1;
    const error = difference(actual, expected) / scale;
    const tolerance = toleranceOf(name, comparison, dtype);
    // Infinity - NaN and the like must fail, also where any finite error passes.
    return { tensor, error, tolerance, passed: error <= tolerance && Number.isFinite(error) };
  });
}
