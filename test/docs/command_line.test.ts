import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { commands } from '../../lib/cli/commands.js';
import { interruptCodes } from '../../lib/cli/interrupt.js';
import { runFiles } from '../../lib/cli/run_folder.js';
import { readConfig } from '../../lib/cli/train/config.js';
import { dataFlags, trainFlags } from '../../lib/cli/train/flags.js';

const page = fileURLToPath(new URL('../../docs/command-line.md', import.meta.url));
const text = await readFile(page, 'utf8');

/** What stands below the heading of a command. */
function section(name: string): string {
  const [, after] = text.split(`\n## bnlstm ${name}\n`);
  return after?.split('\n## ')[0] ?? '';
}

const mentioned = (part: string) =>
  new Set([...part.matchAll(/`--([a-z][\w-]*)/g)].map(([, name]) => name));

describe('docs/command-line.md', () => {
  it.each(commands.map((command) => [command.name, command] as const))(
    'has every option of %s and no other',
    (name, { options, summary }) => {
      expect(text).toContain(`| ${summary} |`);
      const own = Object.keys(options);
      const written = mentioned(section(name));
      const shared = new Set(name === 'evaluate' ? Object.keys(dataFlags) : []);
      expect(own.filter((option) => !written.has(option) && !shared.has(option))).toEqual([]);
      const others = [...written].filter((option) => !own.includes(option) && option !== 'help');
      expect(others).toEqual([]);
    },
  );

  it('says where every flag of train stands in a file', () => {
    const rows = Object.entries(trainFlags).map(([name, { path, value, type }]) => {
      const flag = type === 'string' ? `${name} ${value?.replaceAll('|', '\\|')}` : name;
      return `| \`--${flag}\` | \`${path}\` |`;
    });
    expect(rows.filter((row) => !text.includes(row))).toEqual([]);
  });

  it('has every exit code and every file of a run', () => {
    for (const code of Object.values(interruptCodes)) expect(text).toContain(`| ${code} |`);
    for (const file of Object.values(runFiles)) expect(text).toContain(`| \`${file}\` |`);
  });

  it('shows a configuration that is one', async () => {
    const [, json] = /^```json\n([\s\S]*?)^```/m.exec(text) as RegExpExecArray;
    const folder = await mkdtemp(join(tmpdir(), 'bnlstm-docs-'));
    const file = join(folder, 'run.json');
    await writeFile(file, json);
    const config = await readConfig({ file });
    await rm(folder, { recursive: true });
    expect(config).toMatchObject({ data: { kind: 'csv' }, optimizer: { kind: 'adamw' } });
  });

  it('links to files that are there', async () => {
    for (const [, link] of text.matchAll(/\]\((?!https?:|#)([^)#]+)\)/g)) {
      await expect(readFile(join(page, '..', link)), link).resolves.toBeTruthy();
    }
    for (const [, link] of text.matchAll(/\]\(#([^)]+)\)/g)) {
      expect(text).toContain(`\n## ${link.replaceAll('-', ' ')}\n`);
    }
  });
});
