import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { BnLstmError, errorCodes } from '../lib/errors.js';
import { NotFiniteError } from '../lib/train/not_finite_error.js';

const documentation = readFileSync(new URL('../docs/errors.md', import.meta.url), 'utf8');

/** Every `## CODE` section of docs/errors.md with its text. */
const sections = new Map(
  documentation
    .split(/^## /m)
    .slice(1)
    .map((section) => {
      const [title, ...text] = section.split('\n');
      return [title.replaceAll('`', ''), text.join('\n')] as const;
    }),
);

describe('docs/errors.md', () => {
  it('has a section for every code, in the order of lib/errors.ts, and no other', () => {
    expect([...sections.keys()]).toEqual(Object.keys(errorCodes));
  });

  it.each(Object.entries(errorCodes))(
    'tells what %s means, its causes and its cure',
    (code, text) => {
      const section = sections.get(code) ?? '';
      expect(section.replaceAll(/\s+/g, ' ')).toContain(text);
      expect(section).toMatch(/^\*\*Cause\.\*\* /m);
      expect(section).toMatch(/^\*\*Cure\.\*\* /m);
    },
  );
});

describe('BnLstmError', () => {
  it('carries its code, its cause and a name', () => {
    const cause = new Error('why');
    const error = new BnLstmError('ERR_BNLSTM_DATA', 'what', { cause });
    expect(error).toBeInstanceOf(Error);
    expect(error).toMatchObject({ name: 'BnLstmError', code: 'ERR_BNLSTM_DATA', message: 'what' });
    expect(error.cause).toBe(cause);
    expect(String(error)).toBe('BnLstmError: what');
  });

  it('knows the errors of native code by their code, but not as one of its subclasses', () => {
    const native = Object.assign(new Error('no such device'), { code: 'ERR_BNLSTM_DEVICE' });
    expect(native).toBeInstanceOf(BnLstmError);
    expect(native).not.toBeInstanceOf(NotFiniteError);
    expect(
      new NotFiniteError({ step: 1, loss: Number.NaN, gradientNorm: 1, history: [] }),
    ).toBeInstanceOf(BnLstmError);
    for (const other of [Object.assign(new Error(), { code: 'ENOENT' }), new Error(), null, {}]) {
      expect(other).not.toBeInstanceOf(BnLstmError);
    }
  });
});
