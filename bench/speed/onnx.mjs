// The few parts of the ONNX format (onnx.proto, IR version 8, opset 14) that a model of one LSTM
// node needs, written by hand: an exporter would be one more thing to install.

/** @param {number} value a non-negative integer @returns {number[]} */
function varint(value) {
  const bytes = [];
  for (; value > 127; value = Math.floor(value / 128)) bytes.push((value % 128) | 128);
  return [...bytes, value];
}

/** A field of bytes, text or a message. @param {number} number @param {Uint8Array | string} content */
function field(number, content) {
  const bytes = typeof content === 'string' ? Buffer.from(content) : content;
  return Buffer.concat([Buffer.from([...varint(number * 8 + 2), ...varint(bytes.length)]), bytes]);
}

/** @param {number} number @param {number} value */
const integer = (number, value) => Buffer.from([...varint(number * 8), ...varint(value)]);

/** @param {...Buffer} fields */
const message = (...fields) => Buffer.concat(fields);

const float = 1; // TensorProto.DataType

/** A weight. @param {string} name @param {number[]} shape @param {Float32Array} data */
function tensor(name, shape, data) {
  const raw = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  return message(
    ...shape.map((extent) => integer(1, extent)),
    integer(2, float),
    field(8, name),
    field(9, raw),
  );
}

/** An input or output of the graph. @param {string} name @param {number[]} shape */
function value(name, shape) {
  const dimensions = shape.map((extent) => field(1, integer(1, extent)));
  const type = message(integer(1, float), field(2, message(...dimensions)));
  return message(field(1, name), field(2, field(1, type)));
}

/**
 * A model file with one LSTM: x [steps][batch][inputs] to y [steps][1][batch][hidden].
 * @param {{ steps: number, batch: number, inputs: number, hidden: number }} sizes
 * @param {(count: number) => Float32Array} weights
 */
export function lstmModel({ steps, batch, inputs, hidden }, weights) {
  const hiddenSize = message(field(1, 'hidden_size'), integer(3, hidden), integer(20, 2)); // INT
  const node = message(
    ...['x', 'w', 'r', 'b'].map((name) => field(1, name)),
    field(2, 'y'),
    field(4, 'LSTM'),
    field(5, hiddenSize),
  );
  /** @type {[string, number[]][]} */
  const shapes = [
    ['w', [1, 4 * hidden, inputs]],
    ['r', [1, 4 * hidden, hidden]],
    ['b', [1, 8 * hidden]],
  ];
  const graph = message(
    field(1, node),
    field(2, 'lstm'),
    ...shapes.map(([name, shape]) =>
      field(5, tensor(name, shape, weights(shape.reduce((a, b) => a * b)))),
    ),
    field(11, value('x', [steps, batch, inputs])),
    field(12, value('y', [steps, 1, batch, hidden])),
  );
  return message(integer(1, 8), field(7, graph), field(8, integer(2, 14)));
}
