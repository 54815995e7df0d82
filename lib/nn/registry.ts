import * as check from '../check.js';
import { bidirectional } from './bidirectional.js';
import { type BnLstmOptions, bnLstm } from './bn_lstm.js';
import { dropout } from './dropout.js';
import { embedding } from './embedding.js';
import { initializerFrom } from './initializers.js';
import { lastStep } from './last_step.js';
import type { Layer } from './layer.js';
import { linear } from './linear.js';
import { type LstmOptions, lstm } from './lstm.js';
import type { RecurrentLayer } from './recurrent.js';

type Options = Readonly<Record<string, unknown>>;

/** How each kind of layer is made from its saved options. A new layer goes here too. */
const factories: Readonly<Record<string, (options: Options) => Layer>> = {
  bnLstm: (options) => bnLstm(revived(options) as unknown as BnLstmOptions),
  lstm: (options) => lstm(revived(options) as unknown as LstmOptions),
  bidirectional: ({ layer }) => bidirectional(oneDirectionFrom(layer, 'bidirectional: layer')),
  lastStep: () => lastStep(),
  linear: ({ outputs, ...options }) => linear(outputs as number, revived(options)),
  embedding: ({ width, ...options }) => embedding(width as number, revived(options)),
  dropout: ({ rate }) => dropout(rate as number),
};

/** Does not make a bidirectional layer first: files could nest them without end. */
function oneDirectionFrom(saved: unknown, name: string): RecurrentLayer {
  const kind = (saved as { readonly kind?: unknown } | null | undefined)?.kind;
  check.oneOf(kind, `${name}: kind`, ['bnLstm', 'lstm']);
  return layerFrom(saved, name) as RecurrentLayer;
}

const initializerOptions = new Set(['init', 'inputInit', 'recurrentInit']);

function revived(options: Options): Options {
  const revive = ([key, value]: [string, unknown]) => [
    key,
    initializerOptions.has(key) ? initializerFrom(value, key) : value,
  ];
  return Object.fromEntries(Object.entries(options).map(revive));
}

/**
 * Makes a layer from `Layer.toJSON`, checked as if a user had called its factory.
 * @throws ERR_BNLSTM_ARGUMENT
 */
export function layerFrom(saved: unknown, name: string): Layer {
  const { kind, options = {} } = check.options(
    saved as { kind?: unknown; options?: Options },
    name,
    ['kind', 'options'],
  );
  if (typeof kind !== 'string' || !Object.hasOwn(factories, kind)) {
    throw check.argumentError(`${name}: kind`, Object.keys(factories).join(', '), check.show(kind));
  }
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw check.argumentError(`${name}: options`, 'an object', check.show(options));
  }
  return factories[kind](options);
}
