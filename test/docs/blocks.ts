/** JavaScript of the pages, run as a reader would run it: in a folder where the package is installed. */
import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../..', import.meta.url));
export const read = (file: string) => readFile(join(root, file), 'utf8');

export const blocksOf = (markdown: string) =>
  [...markdown.matchAll(/^```js\n([\s\S]*?)^```/gm)].map(([, code]) => code);

/** An empty folder with the package in it; the caller removes it. */
export async function makeApp(): Promise<string> {
  const app = await mkdtemp(join(tmpdir(), 'bnlstm-docs-'));
  await mkdir(join(app, 'node_modules'));
  await symlink(root, join(app, 'node_modules', 'bnlstm'), 'dir');
  return app;
}

export const removeApp = (app: string) => rm(app, { recursive: true });

export interface Outcome {
  readonly code: number | null;
  readonly out: string;
}

/** Runs Node in a folder; `out` is all that it says. */
export function runNode(cwd: string, args: readonly string[], source = ''): Promise<Outcome> {
  const child = spawn(process.execPath, args, { cwd, env: { ...process.env, PORT: '0' } });
  let out = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      out += text;
    });
  }
  child.stdin.end(source);
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, out }));
  });
}

/** Runs a block of a page: as a file, of the name that its first line may give. */
export async function runBlock(app: string, block: string): Promise<Outcome> {
  const name = /^\/\/ ([\w-]+\.mjs)\n/.exec(block)?.[1] ?? 'block.mjs';
  await writeFile(join(app, name), block);
  return runNode(app, ['--unhandled-rejections=strict', name]);
}
