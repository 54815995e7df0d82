import { expect, test } from 'vitest';
import { Graph } from '../../lib/program/graph.js';
import type { Value } from '../../lib/program/value.js';
import { FakeStream } from './fake_stream.js';

/** Ops on [1] arrays whose names tell what they do: `f` and its gradient op `df`. */
function setUp() {
  const stream = new FakeStream();
  const graph = new Graph(stream);
  const op = (name: string, ...inputs: Value[]): Value => {
    const y = graph.value('f32', [1], name);
    graph.record({
      name,
      inputs: Object.fromEntries(inputs.map((value, k) => [`x${k}`, value])),
      outputs: { y },
      gradient: (gradients) => {
        const destinations = inputs.map((x, k) => [
          `dx${k}`,
          gradients.needs(x) ? gradients.into(x) : undefined,
        ]);
        graph.record({
          name: `d${name}`,
          inputs: { dy: gradients.of(y) },
          outputs: Object.fromEntries(destinations),
        });
      },
    });
    return y;
  };
  const parameter = (name: string, trainable = true) =>
    graph.parameter(stream.parameter(name, [1], trainable));
  /** The ops that run, each as `name(labels read) -> labels written`. */
  const compiled = () => {
    graph.compile();
    const [program] = stream.programs;
    const places = [...graph.parameters].map(([parameter]) => parameter);
    return program.ops.map(({ name, operands }) => {
      const outside = Object.entries(operands).flatMap(([operand, { location }]) => {
        if (location === undefined || 'arena' in location) return [];
        const segment = places.find((parameter) => parameter.gradient?.array === location.array);
        return segment ? [`${operand}=d(${segment.name})`] : [];
      });
      return [name, ...outside].join(' ');
    });
  };
  return { stream, graph, op, parameter, compiled };
}

test('a parameter used once has its gradient written straight into its segment', () => {
  const { graph, op, parameter, compiled } = setUp();
  const loss = op('g', op('f', graph.input('x', 'f32', [1]), parameter('w')));
  graph.backward(loss);
  expect(compiled()).toEqual(['fill', 'dg', 'df dx1=d(w)']);
});

test('a parameter used twice has its second contribution added', () => {
  const { graph, op, parameter, compiled } = setUp();
  const w = parameter('w');
  graph.backward(op('g', op('f', w), w));
  expect(compiled()).toEqual(['fill', 'dg dx1=d(w)', 'df', 'add a=d(w) y=d(w)']);
});

test('an operand used twice by one op gets both contributions', () => {
  const { graph, op, parameter, compiled } = setUp();
  const w = parameter('w');
  graph.backward(op('f', w, w));
  expect(compiled()).toEqual(['fill', 'df dx0=d(w)', 'add a=d(w) y=d(w)']);
});

test('contributions to a temporary are added before it is passed on', () => {
  const { graph, op, parameter, compiled } = setUp();
  const h = op('h', parameter('w'));
  graph.backward(op('sum', op('a', h), op('b', h)));
  expect(compiled()).toEqual(['fill', 'dsum', 'db', 'da', 'add', 'dh dx0=d(w)']);
});

test('what the loss does not reach gets zeros', () => {
  const { stream, graph, op, parameter, compiled } = setUp();
  const loss = op('f', parameter('w'));
  op('elsewhere', parameter('unreached'));
  parameter('frozen', false);
  graph.backward(loss);
  expect(compiled()).toEqual(['fill', 'df dx0=d(w)', 'fill y=d(unreached)']);
  const fills = stream.programs[0].ops.filter(({ name }) => name === 'fill');
  expect(fills.map(({ options }) => options.value)).toEqual([1, 0]);
});

test('no gradient op runs for what needs no gradient', () => {
  const { graph, op, parameter, compiled } = setUp();
  const features = op('features', graph.input('x', 'f32', [1]), parameter('frozen', false));
  expect(features.requiresGradient).toBe(false);
  graph.backward(op('head', features, parameter('w')));
  expect(compiled()).toEqual(['fill', 'dhead dx1=d(w)']);
});

test('an op gets the gradient of an output only where one flows', () => {
  const { graph, stream, parameter } = setUp();
  const w = parameter('w');
  const names = ['used', 'unused', 'constant'] as const;
  const outputs = Object.fromEntries(names.map((name) => [name, graph.value('f32', [1], name)]));
  let seen: (Value | undefined)[] = [];
  graph.record({
    name: 'three',
    inputs: { w },
    outputs,
    constants: ['constant'],
    gradient: (gradients) => {
      seen = names.map((name) => gradients.of(outputs[name]));
      graph.record({ name: 'dthree', inputs: {}, outputs: { dw: gradients.into(w) } });
    },
  });
  expect(names.map((name) => outputs[name].requiresGradient)).toEqual([true, true, false]);
  graph.backward(outputs.used);
  expect(seen.map((value) => value !== undefined)).toEqual([true, false, false]);
  graph.compile();
  expect(stream.programs[0].ops.map(({ name }) => name)).toEqual(['dthree']);
});

test('the gradient of an untrained operand that an op must write goes to a dead temporary', () => {
  const { graph, stream, parameter } = setUp();
  const [w, frozen] = [parameter('w'), parameter('frozen', false)];
  const y = graph.value('f32', [1], 'y');
  graph.record({
    name: 'f',
    inputs: { w, frozen },
    outputs: { y },
    gradient: (gradients) => {
      const outputs = { dw: gradients.into(w), dfrozen: gradients.into(frozen) };
      graph.record({ name: 'df', inputs: { dy: gradients.of(y) }, outputs });
    },
  });
  graph.backward(y);
  graph.compile();
  const df = stream.programs[0].ops.find(({ name }) => name === 'df');
  expect(df?.operands.dfrozen.location).toHaveProperty('arena');
});

test('a loss must be one f32', () => {
  const { graph } = setUp();
  expect(() => graph.backward(graph.input('x', 'f32', [2]))).toThrow(/the loss must be f32 \[1\]/);
});
