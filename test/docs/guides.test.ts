// The guides: every block of JavaScript runs, and shows what the text around it says.
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { blocksOf, makeApp, type Outcome, read, removeApp, runBlock } from './blocks.js';

/** What is shorter here than on the page. */
const edits: readonly (readonly [string, string])[] = [['iterations: 600', 'iterations: 300']];

/** Of each guide, what its blocks say, in their order. */
const guides: Readonly<Record<string, readonly ((out: string, app: string) => unknown)[]>> = {
  'first-model': [
    (out) => expect(out).toBe(''),
    async (out, app) => {
      expect(out).toMatch(/^epoch 1: accuracy 0\.\d+$/m);
      expect(Number(/not seen: ([\d.]+) %/.exec(out)?.[1])).toBeGreaterThan(90);
      expect(await readFile(join(app, 'run/report.html'), 'utf8')).toContain('Training report');
    },
    (out) => expect(out.match(/^\w+ → \{ kind: '\w+', probability: [\d.]+ \}$/gm)).toHaveLength(3),
  ],
  'variable-lengths': [
    (out) => {
      expect(Number(/accuracy: ([\d.]+)/.exec(out)?.[1])).toBeGreaterThan(0.8);
      expect(out).toContain('the same bits: true');
    },
  ],
  'why-per-step-statistics': [
    (out) => {
      const accuracy = (what: string) =>
        Number(new RegExp(`statistics of ${what}: ([\\d.]+) %`).exec(out)?.[1]);
      expect(accuracy('60 steps')).toBeGreaterThan(98);
      expect(accuracy('1 steps')).toBeLessThan(30);
      expect(accuracy('a batch of 64')).toBeGreaterThan(98);
      expect(accuracy('a batch of 2')).toBeLessThan(50);
    },
  ],
  reproducibility: [(out) => expect(out.match(/true|false/g)).toEqual(['true', 'true', 'false'])],
  resuming: [
    (out) =>
      expect(out).toBe('aborted after step 23\nfinished after step 50\nthe same bits: true\n'),
    (out) => expect(out).toContain("stoppedBy: 'finished'"),
  ],
  troubleshooting: [
    (out) => {
      expect(out).toMatch(/^noise 0: (ERR_BNLSTM_NOT_FINITE|gradient norm [\d.]+e\+\d+)$/m);
      expect(out.match(/^noise 0\.1: gradient norm \d+\.\d+$/gm)).toHaveLength(3);
    },
    (out) => {
      const [all, some] = [...out.matchAll(/: (\d+) MiB/g)].map(([, size]) => Number(size));
      expect(some).toBeLessThan(all / 3);
    },
  ],
};

describe.each(Object.entries(guides))('docs/%s.md', async (name, checks) => {
  const text = await read(`docs/${name}.md`);
  const blocks = blocksOf(text).map((block) =>
    edits.reduce((code, [from, to]) => code.replace(from, to), block),
  );
  let app = '';
  const outcomes: Promise<Outcome>[] = [];
  beforeAll(async () => {
    app = await makeApp();
  });
  afterAll(() => removeApp(app));

  it.each(checks.map((check, i) => [i + 1, check] as const))(
    'has a block %i that runs',
    async (n, check) => {
      // In their order, as later ones may need the files of the first.
      while (outcomes.length < n) {
        const block = blocks[outcomes.length];
        const before = outcomes.at(-1);
        outcomes.push(Promise.resolve(before).then(() => runBlock(app, block)));
      }
      const { code, out } = await outcomes[n - 1];
      expect(code, out).toBe(0);
      expect(out).not.toContain('NaN');
      await check(out, app);
    },
  );

  it('has no other blocks', () => {
    expect(blocks).toHaveLength(checks.length);
  });

  it('links to what is there', async () => {
    const prose = text.replace(/^```[\s\S]*?^```/gm, '');
    for (const [, file, anchor] of prose.matchAll(/\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)/g)) {
      const target = file === '' ? text : await read(join(dirname(`docs/${name}.md`), file));
      if (anchor === undefined) continue;
      const anchors = [...target.matchAll(/^#+ (.*)$/gm)].map(([, heading]) =>
        heading
          .toLowerCase()
          .replace(/[^\w -]/g, '')
          .replaceAll(' ', '-'),
      );
      expect(anchors, `${file}#${anchor}`).toContain(anchor);
    }
  });
});
