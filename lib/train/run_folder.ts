import { basename, join, resolve } from 'node:path';
import * as check from '../check.js';
import { CheckpointFolder } from '../io/checkpoint_folder.js';
import type { HistoryRecord } from '../io/history.js';
import { HistoryFile } from '../io/history_file.js';
import { readHistory } from '../io/read_history.js';
import { readSafetensors, writeSafetensors } from '../io/safetensors.js';
import type { FileContent } from '../nn/network_file.js';
import { writeReport } from '../report/report.js';

export interface RunFolderOptions {
  readonly keep: number;
  readonly resume: boolean;
  readonly onWarning: (message: string) => void;
}

/** The folder of a run: its history, checkpoints, models and report. */
export class RunFolder {
  readonly #checkpoints: CheckpointFolder;
  readonly #onWarning: (message: string) => void;
  #history: HistoryFile | undefined;
  #lastCheckpoint: { readonly index: number; readonly path: string } | undefined;

  private constructor(
    readonly path: string,
    checkpoints: CheckpointFolder,
    onWarning: (message: string) => void,
  ) {
    this.#checkpoints = checkpoints;
    this.#onWarning = onWarning;
  }

  /**
   * Takes a folder for a run. Nothing in it has been changed yet.
   * @returns also what `read` made of the newest good checkpoint, if the run is to go on from one
   * @throws ERR_BNLSTM_ARGUMENT where it has checkpoints of a run that is not to go on;
   * ERR_BNLSTM_BUSY, ERR_BNLSTM_IO, and where no checkpoint is good, what is wrong with them
   */
  static async open<T>(
    path: string,
    { keep, resume, onWarning }: RunFolderOptions,
    read: (path: string, file: FileContent) => T,
  ): Promise<{ folder: RunFolder; checkpoint: T | undefined }> {
    const checkpoints = await CheckpointFolder.open(path, { keep, onWarning });
    try {
      const folder = new RunFolder(path, checkpoints, onWarning);
      if (!resume) {
        await folder.#refuseOldRun();
        return { folder, checkpoint: undefined };
      }
      const newest = await checkpoints.newest(async (file) =>
        read(file, await readSafetensors(file)),
      );
      folder.#lastCheckpoint = newest;
      return { folder, checkpoint: newest?.content };
    } catch (error) {
      await checkpoints.close();
      throw error;
    }
  }

  /** Path of the last checkpoint. */
  get checkpoint(): string | undefined {
    return this.#lastCheckpoint?.path;
  }

  /** Whether the state after a step is in a checkpoint. */
  has(index: number): boolean {
    return this.#lastCheckpoint?.index === index;
  }

  /** Opens the history, cut to the length that it had for the checkpoint; 0: a new one. */
  async openHistory(cutTo: number): Promise<void> {
    const path = join(this.path, 'history.jsonl');
    this.#history = await HistoryFile.open(path, { cutTo, onWarning: this.#onWarning });
  }

  async add(record: HistoryRecord): Promise<void> {
    await this.#history?.append(record);
  }

  /** Writes a checkpoint; `make` gets the length of the history that belongs to it. */
  async save(index: number, make: (historyBytes: number) => Promise<FileContent>): Promise<string> {
    const { tensors, metadata } = await make((await this.#history?.sync()) ?? 0);
    const path = await this.#checkpoints.save(index, tensors, metadata);
    this.#lastCheckpoint = { index, path };
    return path;
  }

  async saveBest({ tensors, metadata }: FileContent): Promise<void> {
    await this.#checkpoints.saveBest(tensors, metadata);
  }

  /** The model at the end of the run. */
  async saveModel({ tensors, metadata }: FileContent): Promise<void> {
    await writeSafetensors(join(this.path, 'model.safetensors'), tensors, metadata);
  }

  /** The curves of the history so far, in one page. */
  async writeReport(): Promise<void> {
    if (this.#history === undefined) return;
    await this.#history.sync();
    const records = await readHistory(this.#history.path);
    const name = basename(resolve(this.path));
    await writeReport(join(this.path, 'report.html'), [{ name, records }]);
  }

  /** Gives the folder up. Idempotent. */
  async close(): Promise<void> {
    const history = this.#history;
    this.#history = undefined;
    try {
      await history?.sync();
    } finally {
      try {
        await history?.close();
      } finally {
        await this.#checkpoints.close();
      }
    }
  }

  async #refuseOldRun(): Promise<void> {
    const [first] = await this.#checkpoints.list();
    if (first === undefined) return;
    const expected = 'a folder without checkpoints, or resume: true to go on from them';
    throw check.argumentError('fit: directory', expected, `${this.path}, which has ${first.name}`);
  }
}
