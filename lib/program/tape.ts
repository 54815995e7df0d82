import { internalError } from '../errors.js';
import type { Graph } from './graph.js';
import type { Gradients } from './recording.js';
import { sameShape, type Value } from './value.js';

/**
 * Plays the recording backwards from `loss`. A parameter's first contribution is written straight
 * into its gradient segment; later contributions of any value go to a temporary and are added.
 */
export function recordBackward(graph: Graph, loss: Value): void {
  if (loss.dtype !== 'f32' || !sameShape(loss.shape, [1])) {
    throw internalError('the loss must be f32 [1]');
  }
  const tape = new Tape(graph);
  const ops = graph.ops.slice();
  const seed = graph.value('f32', [1], `d(${loss.label})`);
  fill(graph, seed, 1);
  tape.seed(loss, seed);
  for (const op of ops.reverse()) {
    const reached = Object.values(op.outputs).some((output) => tape.of(output) !== undefined);
    if (op.gradient === undefined || !reached) continue;
    graph.layer = op.layer;
    op.gradient(tape);
    tape.accumulate();
  }
  graph.layer = undefined;
  tape.fillTheRest();
}

function fill(graph: Graph, y: Value, value: number): void {
  graph.record({ name: 'fill', inputs: {}, outputs: { y }, options: { value } });
}

class Tape implements Gradients {
  readonly #gradients = new Map<Value, Value>();
  /** Gradient segments of the trainable parameters, by parameter. */
  readonly #segments = new Map<Value, Value>();
  /** Second and later contributions that the op now being played will have written. */
  #pending: { readonly sum: Value; readonly term: Value }[] = [];

  constructor(readonly graph: Graph) {
    for (const [parameter, value] of graph.parameters) {
      if (parameter.gradient === undefined) continue;
      const { name, gradient, shape } = parameter;
      this.#segments.set(value, graph.external(`d(${name})`, gradient, 'f32', shape));
    }
  }

  seed(loss: Value, gradient: Value): void {
    this.#gradients.set(loss, gradient);
  }

  of(output: Value): Value | undefined {
    return output.requiresGradient ? this.#gradients.get(output) : undefined;
  }

  needs(input: Value): boolean {
    return input.requiresGradient;
  }

  into(input: Value): Value {
    // A gradient has the type of what it is the gradient of.
    const temporary = () => this.graph.value(input.dtype, input.shape, `d(${input.label})`);
    if (!input.requiresGradient) return temporary();
    const sum = this.#gradients.get(input);
    if (sum === undefined) {
      const first = this.#segments.get(input) ?? temporary();
      this.#gradients.set(input, first);
      return first;
    }
    const term = temporary();
    this.#pending.push({ sum, term });
    return term;
  }

  /** Adds what the op just played has written beside earlier contributions. */
  accumulate(): void {
    for (const { sum, term } of this.#pending) {
      this.graph.record({ name: 'add', inputs: { a: sum, b: term }, outputs: { y: sum } });
    }
    this.#pending = [];
  }

  fillTheRest(): void {
    for (const [parameter, segment] of this.#segments) {
      if (!this.#gradients.has(parameter)) fill(this.graph, segment, 0);
    }
  }
}
