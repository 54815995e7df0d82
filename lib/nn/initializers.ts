import * as check from '../check.js';
import type { NativeStream } from '../native.js';
import type { Shape } from '../program/value.js';
import type { Philox } from '../random.js';
import { fillOrthogonal } from './orthogonal.js';

/**
 * Writes the initial values of a parameter of this shape, at once or on the stream's thread;
 * `random` belongs to it alone. The stream has no say in the values.
 */
export type Fill = (
  values: Float32Array,
  shape: Shape,
  random: Philox,
  stream: NativeStream,
) => void | Promise<void>;

/** How a parameter starts. Made by `orthogonal`, `identity`, `uniform`, `glorot`, ... */
export class Initializer {
  /** @internal */
  constructor(
    readonly kind: string,
    readonly options: Readonly<Record<string, unknown>>,
    readonly fill: Fill,
  ) {
    Object.freeze(this);
  }

  /** Its form in a saved model. */
  toJSON(): { readonly kind: string; readonly options: Readonly<Record<string, unknown>> } {
    return { kind: this.kind, options: this.options };
  }
}

/** The gate blocks of a recurrent weight matrix, in their order. */
const gates = ['f', 'i', 'o', 'g'] as const;
export type Gate = (typeof gates)[number];

export interface ScaleOptions {
  /** Multiplies every value. Default 1. */
  readonly scale?: number | undefined;
}

/**
 * One orthogonal matrix over the whole parameter: rows orthonormal if it is wide, columns if it is
 * tall, uniformly distributed (docs/paper.md §3; not one matrix per gate).
 */
export function orthogonal(options?: ScaleOptions): Initializer {
  const { scale = 1 } = check.options(options, 'orthogonal', ['scale']);
  check.number(scale, 'orthogonal: scale');
  return new Initializer('orthogonal', { scale }, (values, shape, random, stream) => {
    const [rows, columns] = matrix('orthogonal', shape);
    return fillOrthogonal(stream, values, rows, columns, random, scale);
  });
}

export interface IdentityOptions extends ScaleOptions {
  /**
   * For recurrent weights [H][4H]: these gate blocks are the identity, the others together are one
   * orthogonal matrix. Without it the whole matrix has ones on its diagonal.
   */
  readonly gates?: readonly Gate[] | undefined;
}

/**
 * The identity times `scale`. `identity({ gates: ['g'] })` is what the paper used for MNIST
 * (docs/paper.md §3a): the identity in the block of g, one orthogonal H × 3H matrix for f, i and o.
 */
export function identity(options?: IdentityOptions): Initializer {
  const given = check.options(options, 'identity', ['gates', 'scale']);
  const scale = check.number(given.scale ?? 1, 'identity: scale');
  const chosen = given.gates === undefined ? undefined : checkGates(given.gates);
  const saved = { scale, ...(chosen && { gates: chosen }) };
  return new Initializer('identity', saved, async (values, shape, random, stream) => {
    const [rows, columns] = matrix('identity', shape);
    if (chosen !== undefined) {
      const orthogonal = (rest: Float32Array, width: number) =>
        fillOrthogonal(stream, rest, rows, width, random);
      return fillIdentityGates(values, rows, columns, chosen, scale, orthogonal);
    }
    for (let i = 0; i < Math.min(rows, columns); i++) values[i * columns + i] = scale;
  });
}

export interface UniformOptions {
  readonly min: number;
  readonly max: number;
}

/** Uniform over [min, max). */
export function uniform(options: UniformOptions): Initializer {
  const { min, max } = check.options(options, 'uniform', ['min', 'max']);
  check.number(min, 'uniform: min');
  check.number(max, 'uniform: max', { above: min });
  return new Initializer('uniform', { min, max }, (values, _shape, random) =>
    fillUniform(values, min, max, random),
  );
}

/** Uniform over ±sqrt(6 / (rows + columns)) (Glorot & Bengio 2010). */
export function glorot(): Initializer {
  return new Initializer('glorot', {}, (values, shape, random) => {
    const [rows, columns] = matrix('glorot', shape);
    const limit = Math.sqrt(6 / (rows + columns));
    fillUniform(values, -limit, limit, random);
  });
}

export function zeros(): Initializer {
  return new Initializer('zeros', {}, (values) => {
    values.fill(0);
  });
}

export function constant(value: number): Initializer {
  check.number(value, 'constant: value');
  return new Initializer('constant', { value }, (values) => {
    values.fill(value);
  });
}

/** The initial weights of a recurrent layer, to be spread into the options of `bnLstm` or `lstm`. */
export interface RecurrentInit {
  readonly inputInit: Initializer;
  readonly recurrentInit: Initializer;
}

/**
 * What the paper used (docs/paper.md §3): orthogonal matrices, but on (permuted) MNIST recurrent weights
 * with the identity in the block of g. Its other choices are the defaults of the layers: gamma 0.1,
 * beta 0, forget bias 1, orthogonal output weights.
 */
export function paperInit(task: 'mnist' | 'ptb' | 'text8'): RecurrentInit {
  check.oneOf(task, 'paperInit: task', ['mnist', 'ptb', 'text8']);
  return {
    inputInit: orthogonal(),
    recurrentInit: task === 'mnist' ? identity({ gates: ['g'] }) : orthogonal(),
  };
}

/** Makes the initializer of a saved model again. */
export function initializerFrom(saved: unknown, name: string): Initializer {
  const { kind, options = {} } = check.options(
    saved as { kind?: unknown; options?: Record<string, unknown> },
    name,
    ['kind', 'options'],
  );
  switch (kind) {
    case 'orthogonal':
      return orthogonal(options);
    case 'identity':
      return identity(options);
    case 'uniform':
      return uniform(options as unknown as UniformOptions);
    case 'glorot':
      return glorot();
    case 'zeros':
      return zeros();
    case 'constant':
      return constant(options.value as number);
    default:
      throw check.argumentError(`${name}: kind`, 'the kind of an initializer', check.show(kind));
  }
}

/** A user's choice of initializer. */
export function checkInitializer(value: unknown, name: string): Initializer {
  return check.instance(value, name, Initializer, 'an initializer such as orthogonal()');
}

function checkGates(value: readonly Gate[]): readonly Gate[] {
  if (!Array.isArray(value)) {
    throw check.argumentError('identity: gates', "an array such as ['g']", check.show(value));
  }
  for (const gate of value) check.oneOf(gate, 'identity: gates', gates);
  return gates.filter((gate) => value.includes(gate));
}

function matrix(initializer: string, shape: Shape): readonly [number, number] {
  const [rows, columns] = shape;
  if (shape.length !== 2 || rows === undefined || columns === undefined) {
    throw check.argumentError(
      initializer,
      'a matrix',
      `a parameter of shape [${shape.join(', ')}]`,
    );
  }
  return [rows, columns];
}

function fillUniform(values: Float32Array, min: number, max: number, random: Philox): void {
  for (let i = 0; i < values.length; i++) values[i] = min + (max - min) * random.uniform(i);
}

async function fillIdentityGates(
  values: Float32Array,
  rows: number,
  columns: number,
  chosen: readonly Gate[],
  scale: number,
  fillRest: (rest: Float32Array, width: number) => Promise<void>,
): Promise<void> {
  if (columns !== gates.length * rows) {
    const shape = `a parameter of shape [${rows}, ${columns}]`;
    throw check.argumentError('identity: gates', 'recurrent weights [H, 4H]', shape);
  }
  const others = gates.filter((gate) => !chosen.includes(gate));
  const rest = new Float32Array(rows * rows * others.length);
  if (others.length > 0) await fillRest(rest, rows * others.length);
  for (let row = 0; row < rows; row++) {
    for (const [block, gate] of gates.entries()) {
      const at = row * columns + block * rows;
      const from = (row * others.length + others.indexOf(gate)) * rows;
      if (chosen.includes(gate)) values[at + row] = scale;
      else values.set(rest.subarray(from, from + rows), at);
    }
  }
}
