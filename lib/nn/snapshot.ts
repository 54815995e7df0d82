import type { Network } from './network.js';
import type { StatisticsStatus } from './population_status.js';

/** All numbers of a network that training changes, on the host, as they were at one moment. */
export interface Snapshot {
  readonly status: StatisticsStatus;
  /** [P] */
  readonly parameters: Float32Array<ArrayBuffer>;
  /** Flat tables, of networks that normalise; absent, if the status is 'missing', for zeros. */
  readonly population: Float32Array<ArrayBuffer> | undefined;
  /** Flat tables, of networks that keep a moving average. */
  readonly moving: Float32Array<ArrayBuffer> | undefined;
}

/** Copies everything as it is now, whatever is queued meanwhile. */
export async function takeSnapshot(network: Network): Promise<Snapshot> {
  const { status } = network.population;
  // Queued at once, so that no step comes in between.
  const [parameters, population, moving] = await Promise.all([
    network.parameters.read(),
    network.tables.population?.read(),
    network.tables.moving?.read(),
  ]);
  return { status, parameters, population, moving };
}

/** Puts everything back; the arrays are taken before it returns. */
export async function putSnapshot(network: Network, snapshot: Snapshot): Promise<void> {
  const { status, parameters, moving } = snapshot;
  const { tables, blueprint } = network;
  const areZero = network.population.status === 'missing';
  const population =
    snapshot.population ?? (areZero ? undefined : new Float32Array(blueprint.tableCount));
  const writing = Promise.all([
    network.parameters.write(parameters),
    population && tables.population?.write(population),
    moving && tables.moving?.write(moving),
  ]);
  network.population.loaded(status);
  await writing;
}
