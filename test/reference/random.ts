/** Seeded numbers for generated cases: the same on every machine. */

export interface Random {
  /** [0, 1) */ uniform(): number;
  /** An integer in [low, high]. */ integer(low: number, high: number): number;
  normals(size: number, deviation?: number, mean?: number): Float64Array;
  uniforms(size: number, low: number, high: number): Float64Array;
}

/** mulberry32; normals by Box and Muller. */
export function random(seed: number): Random {
  let state = seed >>> 0;
  const uniform = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let z = state;
    z = Math.imul(z ^ (z >>> 15), z | 1);
    z ^= z + Math.imul(z ^ (z >>> 7), z | 61);
    return ((z ^ (z >>> 14)) >>> 0) / 2 ** 32;
  };
  const normal = () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
  return {
    uniform,
    integer: (low, high) => low + Math.floor(uniform() * (high - low + 1)),
    normals: (size, deviation = 1, mean = 0) =>
      Float64Array.from({ length: size }, () => mean + deviation * normal()),
    uniforms: (size, low, high) =>
      Float64Array.from({ length: size }, () => low + (high - low) * uniform()),
  };
}
