import { BnLstmError } from '../errors.js';
import type { FloatType, NativeStream } from '../native.js';
import { packedBytes } from '../ops/bn_lstm_pack.js';
import {
  type InputStatistics,
  mapStatistics,
  type StatisticsValues,
  statisticsNames,
  statisticsShapes,
} from '../ops/statistics.js';
import { count, type Shape } from '../program/value.js';
import type { Fill } from './initializers.js';

/** Arrays within a flat one start at multiples of so many bytes: a cache line. */
const alignment = 64;
export const alignedBytes = (bytes: number) => Math.ceil(bytes / alignment) * alignment;

/** Far more than there is, and far less than where sums of sizes become inexact. */
const largestBytes = 2 ** 48;

/** A named part of a flat f32 array. */
export interface Segment {
  /** Unique in the network, as `0.wx`; also its name in a file. */
  readonly name: string;
  /** As ops take it. */
  readonly shape: Shape;
  /** As users see it: without a leading axis of one direction. */
  readonly visibleShape: Shape;
  /** First element. */
  readonly offset: number;
  readonly count: number;
}

export interface ParameterSegment extends Segment {
  readonly trainable: boolean;
  /** Whether weight decay is for it: for what multiplies activations, and for tables. */
  readonly decays: boolean;
  readonly fill: Fill;
  /** The parameter is so many equal blocks, each filled by itself. */
  readonly directions: number;
}

export interface ParameterOptions {
  readonly name: string;
  /** Of one direction. */
  readonly shape: Shape;
  readonly fill: Fill;
  /** The device's shape gets it as a leading axis. Default: none, one direction. */
  readonly directions?: number;
  /** The device's shape, where it is another one. */
  readonly deviceShape?: Shape;
  /** Default true. */
  readonly trainable?: boolean;
  /** Default false. */
  readonly decays?: boolean;
}

/** What a recurrent layer keeps outside its parameters. */
export interface RecurrentSegment {
  /** Number of this recurrent layer in the network: that of its state. */
  readonly index: number;
  readonly layer: number;
  readonly directions: number;
  readonly hidden: number;
  readonly tokens: boolean;
  readonly dtype: FloatType;
  readonly wx: ParameterSegment;
  readonly wh: ParameterSegment;
  /** Bytes within the array of packed weights. */
  readonly packedOffset: number;
  readonly packedBytes: number;
}

export interface TablesOptions {
  readonly directions: number;
  readonly hidden: number;
  readonly maxSteps: number;
  readonly inputStatistics: InputStatistics;
  readonly lengthStatistics: 'valid' | 'all';
  /** Of moving tables, if the layer has them. */
  readonly decay: number | undefined;
}

/** The statistics tables of one layer, within a flat array that holds those of all layers. */
export interface TablesSegment extends TablesOptions {
  readonly layer: number;
  readonly segments: Readonly<Record<keyof StatisticsValues, Segment>>;
}

/** What all layers of a network have declared. */
export interface Blueprint {
  readonly parameters: readonly ParameterSegment[];
  /** Elements of the flat parameter array. */
  readonly parameterCount: number;
  readonly recurrent: readonly RecurrentSegment[];
  readonly packedBytes: number;
  readonly tables: readonly TablesSegment[];
  /** Elements of a flat array of tables. */
  readonly tableCount: number;
}

/** Whether some layer keeps moving statistics. */
export function keepsMoving({ tables }: Blueprint): boolean {
  return tables.some(({ decay }) => decay !== undefined);
}

/** Collects what layers declare, laid out one after another. */
export class Builder implements Blueprint {
  readonly parameters: ParameterSegment[] = [];
  readonly recurrent: RecurrentSegment[] = [];
  readonly tables: TablesSegment[] = [];
  parameterCount = 0;
  packedBytes = 0;
  tableCount = 0;
  /** Index of the layer that is being built. */
  layer = 0;
  /** Whether it is the network's last. */
  last = false;

  constructor(
    readonly stream: NativeStream,
    /** Of activations between layers. */
    readonly dtype: FloatType,
  ) {}

  parameter(options: ParameterOptions): ParameterSegment {
    const { shape, fill, directions = 1, trainable = true, decays = false } = options;
    const withDirections = [directions, ...shape];
    const deviceShape =
      options.deviceShape ?? (options.directions === undefined ? shape : withDirections);
    const segment: ParameterSegment = {
      ...this.#segment(this.parameterCount, options.name, deviceShape),
      visibleShape: directions === 1 ? shape : withDirections,
      trainable,
      decays,
      fill,
      directions,
    };
    this.parameterCount = end(segment);
    this.parameters.push(segment);
    return segment;
  }

  /** Declares the packed weights and the state of a recurrent layer. */
  recurrentLayer(
    wx: ParameterSegment,
    wh: ParameterSegment,
    { tokens }: { readonly tokens: boolean },
  ): RecurrentSegment {
    const [directions, hidden] = wh.shape;
    const { dtype } = this;
    const sizes = { directions, inputs: wx.shape[1], hidden, tokens, dtype };
    const bytes = packedBytes(this.stream, sizes);
    const segment: RecurrentSegment = {
      index: this.recurrent.length,
      layer: this.layer,
      directions,
      hidden,
      tokens,
      dtype,
      wx,
      wh,
      packedOffset: this.packedBytes,
      packedBytes: bytes,
    };
    this.packedBytes += alignedBytes(bytes);
    this.recurrent.push(segment);
    return segment;
  }

  statisticsTables(options: TablesOptions): TablesSegment {
    const { directions, maxSteps, hidden, inputStatistics } = options;
    const shapes = statisticsShapes(directions, maxSteps, hidden, inputStatistics);
    const segments = mapStatistics((name) => {
      const shape = shapes[name];
      const segment: Segment = {
        ...this.#segment(this.tableCount, snakeCase(name), shape),
        visibleShape: directions === 1 ? shape.slice(1) : shape,
      };
      this.tableCount = end(segment);
      return segment;
    });
    const tables = { ...options, layer: this.layer, segments };
    this.tables.push(tables);
    return tables;
  }

  #segment(offset: number, name: string, shape: Shape) {
    return { name: `${this.layer}.${name}`, shape, offset, count: count(shape) };
  }
}

/**
 * Where the next segment starts, in elements.
 * @throws ERR_BNLSTM_OUT_OF_MEMORY for sizes that no machine has, and no number tells exactly
 */
function end({ name, offset, count }: Segment): number {
  const bytes = (offset + count) * Float32Array.BYTES_PER_ELEMENT;
  if (!(bytes <= largestBytes)) {
    throw new BnLstmError('ERR_BNLSTM_OUT_OF_MEMORY', `${name} alone needs ${bytes} bytes`);
  }
  return alignedBytes(bytes) / Float32Array.BYTES_PER_ELEMENT;
}

function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** All segments of the tables of a network, in their order. */
export function tableSegments(tables: readonly TablesSegment[]): Segment[] {
  return tables.flatMap(({ segments }) => statisticsNames.map((name) => segments[name]));
}
