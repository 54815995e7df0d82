import { dirname, join } from 'node:path';
import typescript from 'typescript';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCommand } from '../../lib/cli/command.js';
import { commands } from '../../lib/cli/commands.js';
import { readConfig } from '../../lib/cli/train/config.js';
import type { FlagValues } from '../../lib/cli/train/flags.js';
import { blocksOf, makeApp, read, removeApp, root, runNode } from './blocks.js';

const blocks = blocksOf(await read('README.md'));

/** What the compiler says of JavaScript that imports the package, checked strictly. */
function complaints(sources: readonly string[]): string[] {
  const options: typescript.CompilerOptions = {
    strict: true,
    exactOptionalPropertyTypes: true,
    allowJs: true,
    checkJs: true,
    noEmit: true,
    skipLibCheck: true,
    target: typescript.ScriptTarget.ES2023,
    module: typescript.ModuleKind.NodeNext,
    lib: ['lib.es2023.d.ts', 'lib.esnext.disposable.d.ts'],
    types: ['node'],
    paths: { bnlstm: [join(root, 'lib/index.ts')] },
  };
  const files = new Map(sources.map((source, i) => [join(root, `readme-${i}.mjs`), source]));
  const host = typescript.createCompilerHost(options);
  const { fileExists, readFile: readSource, getSourceFile } = host;
  host.fileExists = (name) => files.has(name) || fileExists(name);
  host.readFile = (name) => files.get(name) ?? readSource(name);
  host.getSourceFile = (name, ...rest) => {
    const source = files.get(name);
    if (source === undefined) return getSourceFile(name, ...rest);
    return typescript.createSourceFile(name, source, typescript.ScriptTarget.ES2023, true);
  };
  const program = typescript.createProgram([...files.keys()], options, host);
  return typescript
    .getPreEmitDiagnostics(program)
    .map(({ messageText }) => typescript.flattenDiagnosticMessageText(messageText, '\n'));
}

// In the package's folder, where `bnlstm` is the package itself.
const run = (args: readonly string[], source?: string) => runNode(root, args, source);
const runModule = (source: string) => runNode(folder, ['--input-type=module'], source);

let folder = '';
beforeAll(async () => {
  folder = await makeApp();
});
afterAll(() => removeApp(folder));

/** Runs nothing: what is told is how the lines are parsed. */
async function parsed(line: string) {
  let values: FlagValues = {};
  let operands: readonly string[] = [];
  const take = async (given: FlagValues, rest: readonly string[]) => {
    values = given;
    operands = rest;
  };
  const idle = commands.map((command) => ({ ...command, run: take as typeof command.run }));
  await runCommand(idle, line.split(/\s+/));
  return { values, operands };
}

describe('README.md', () => {
  it('shows command lines that there are', async () => {
    const lines = [...(await read('README.md')).matchAll(/^ {4}npx bnlstm ([^#\n]*[^#\s])/gm)];
    expect(lines.length).toBeGreaterThanOrEqual(6);
    for (const [, line] of lines) {
      const { values, operands } = await parsed(line);
      if (!line.startsWith('train') || values.resume) continue;
      const config = await readConfig({ kind: operands[0], flags: values });
      expect(config.data.kind).toBe(operands[0]);
    }
  });

  it('shows code that agrees with the types', () => {
    expect(blocks.length).toBeGreaterThanOrEqual(3);
    expect(complaints(blocks)).toEqual([]);
  });

  it('starts with code that runs (here: two iterations and a few images)', async () => {
    const [quickstart] = blocks;
    const edits: [string, string][] = [
      ['iterations: 10_000, reportEvery: 100', 'iterations: 2'],
      ['estimateStatistics(data.train)', 'estimateStatistics(data.train, { limit: 200 })'],
      ['evaluate(data.test)', 'evaluate(data.test, { limit: 200 })'],
      ["'mnist.safetensors'", JSON.stringify(join(folder, 'mnist.safetensors'))],
    ];
    const short = edits.reduce((code, [from, to]) => {
      expect(code).toContain(from);
      return code.replace(from, to);
    }, quickstart);
    const { code, out } = await runModule(short);
    expect(code, out).toBe(0);
    expect(out).toMatch(/^1 2\.\d+ \d.*\n2 2\.\d+ .*\n\{\n? *loss: \d/);
  });

  it.each(blocks.slice(1).map((block, i) => [i + 2, block]))(
    'has a block %i that runs',
    async (_, block) => {
      const { code, out } = await runModule(block as string);
      expect(code, out).toBe(0);
    },
  );

  it('links to files that are there', async () => {
    for (const file of ['README.md', 'CONTRIBUTING.md', 'docs/cuda.md', 'docs/files.md']) {
      for (const [, link] of (await read(file)).matchAll(/\]\((?!https?:)([^)#]+)\)/g)) {
        await expect(read(join(dirname(file), link)), link).resolves.toBeTruthy();
      }
    }
  });
});

describe('docs/files.md', async () => {
  const [block, ...others] = blocksOf(await read('docs/files.md'));

  it('shows how to check a checksum', async () => {
    expect(others).toEqual([]);
    const path = JSON.stringify(join(folder, 'linear.safetensors'));
    const { code, out } = await runModule(block.replaceAll("'linear.safetensors'", path));
    expect(code, out).toBe(0);
    expect(out).toBe('true\n');
  });
});

describe('docs/long-sequences.md', async () => {
  const pages = blocksOf(await read('docs/long-sequences.md'));

  it.each(pages.map((block, i) => [i + 1, block]))('has a block %i that runs', async (_, block) => {
    const { code, out } = await runModule(block as string);
    expect(code, out).toBe(0);
    expect(out).not.toContain('NaN');
  });

  it('shows three of them', () => {
    expect(pages).toHaveLength(3);
  });
});

describe('docs/cuda.md', async () => {
  const text = await read('docs/cuda.md');

  it('shows code that runs', async () => {
    const [block, ...others] = blocksOf(text);
    expect(others).toEqual([]);
    const { code, out } = await runModule(block);
    expect(code, out).toBe(0);
    expect(out).toMatch(/^a training step on \S+, 100 x 784 steps: [\d ]+ B$/m);
  });

  it('names files that exist', async () => {
    for (const [, file] of text.matchAll(/`((?:native|test)\/[\w/.]+\.(?:ts|cpp))`/g)) {
      await expect(read(file), file).resolves.toBeTruthy();
    }
  });
});

describe('CONTRIBUTING.md', () => {
  it('names scripts and files that exist', async () => {
    const text = await read('CONTRIBUTING.md');
    const { scripts } = JSON.parse(await read('package.json'));
    for (const [, script] of text.matchAll(/npm run ([\w:]+)/g))
      expect(scripts).toHaveProperty([script]);
    for (const [, file] of text.matchAll(
      /`((?:native|lib|test|scripts)\/[\w/.]+\.(?:ts|mjs|h|cpp|json))`/g,
    )) {
      await expect(read(file), file).resolves.toBeTruthy();
    }
  });
});

describe('the examples', () => {
  it('train on MNIST and save', async () => {
    const file = join(folder, 'example.safetensors');
    const { code, out } = await run(['examples/mnist.mjs', '2', file]);
    expect(code, out).toBe(0);
    expect(out).toMatch(/test: loss \d\.\d+, accuracy \d+\.\d %/);
  });

  it('train, and go on where they have ended', async () => {
    const directory = join(folder, 'run');
    const first = await run(['examples/resume.mjs', directory, '2', '2']);
    expect(first.code, first.out).toBe(0);
    expect(first.out).toMatch(/^goes on after step 0\n.*finished after step 2;/s);
    const second = await run(['examples/resume.mjs', directory, '4', '2']);
    expect(second.code, second.out).toBe(0);
    expect(second.out).toMatch(/^goes on after step 2\n.*finished after step 4;.*\ntest acc/s);
  });

  it('learn from sequences of different length, and predict the same bits in any batch', async () => {
    const { code, out } = await run(['examples/variable-length.mjs']);
    expect(code, out).toBe(0);
    expect(Number(/test accuracy (\d+\.\d) %/.exec(out)?.[1])).toBeGreaterThan(90);
    expect(out).toContain('the first symbol was 3\nalone and in a batch: the same bits\n');
  });
});
