/**
 * Clipping and the optimizers: RMSProp and Adam as in Blocks, the authors' framework (docs/paper.md
 * §3), AdamW and SGD as in PyTorch.
 */

/** All gradients rescaled together to the threshold where their common L2 norm reaches it. */
export function clipByGlobalNorm(gradients: Float64Array[], threshold: number) {
  const squares = gradients.map((gradient) => gradient.reduce((sum, g) => sum + g * g, 0));
  const norm = Math.sqrt(squares.reduce((sum, square) => sum + square, 0));
  if (norm < threshold) return { norm, gradients };
  return {
    norm,
    gradients: gradients.map((gradient) => gradient.map((g) => g * (threshold / norm))),
  };
}

/** The step is SUBTRACTED from the parameter. No bias correction, no momentum. */
export function rmspropStep(
  gradient: Float64Array,
  meanSquare: Float64Array,
  options: { learningRate: number; decay: number; maxScaling?: number },
) {
  const { learningRate, decay, maxScaling = 1e5 } = options;
  const next = meanSquare.map((old, k) => decay * old + (1 - decay) * gradient[k] ** 2);
  const step = gradient.map((g, k) => {
    return (learningRate * g) / Math.max(Math.sqrt(next[k]), 1 / maxScaling);
  });
  return { step, meanSquare: next };
}

/** The step is SUBTRACTED. Nesterov's looks where the velocity leads to. */
export function sgdStep(
  gradient: Float64Array,
  velocity: Float64Array,
  options: { learningRate: number; momentum: number; nesterov: boolean },
) {
  const { learningRate, momentum, nesterov } = options;
  const next = velocity.map((old, k) => momentum * old + gradient[k]);
  const step = gradient.map((g, k) => learningRate * (nesterov ? g + momentum * next[k] : next[k]));
  return { step, velocity: next };
}

/** Of AdamW without its decay. The step is SUBTRACTED; t counts from 1. */
export function adamwStep(
  gradient: Float64Array,
  state: { m: Float64Array; v: Float64Array },
  t: number,
  options: { learningRate: number; beta1: number; beta2: number; eps: number },
) {
  const { learningRate, beta1, beta2, eps } = options;
  const m = state.m.map((old, k) => beta1 * old + (1 - beta1) * gradient[k]);
  const v = state.v.map((old, k) => beta2 * old + (1 - beta2) * gradient[k] ** 2);
  const step = m.map((mean, k) => {
    const [meanHat, squareHat] = [mean / (1 - beta1 ** t), v[k] / (1 - beta2 ** t)];
    return (learningRate * meanHat) / (Math.sqrt(squareHat) + eps);
  });
  return { step, m, v };
}

/** The step is SUBTRACTED; t counts from 1; eps is added to √v before the bias correction. */
export function adamStep(
  gradient: Float64Array,
  state: { m: Float64Array; v: Float64Array },
  t: number,
  options: { learningRate: number; beta1?: number; beta2?: number; eps?: number },
) {
  const { learningRate, beta1 = 0.9, beta2 = 0.999, eps = 1e-8 } = options;
  const m = state.m.map((old, k) => beta1 * old + (1 - beta1) * gradient[k]);
  const v = state.v.map((old, k) => beta2 * old + (1 - beta2) * gradient[k] ** 2);
  const rate = (learningRate * Math.sqrt(1 - beta2 ** t)) / (1 - beta1 ** t);
  return { step: m.map((value, k) => (rate * value) / (Math.sqrt(v[k]) + eps)), m, v };
}
