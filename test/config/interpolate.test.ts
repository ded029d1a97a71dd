import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { hasPlaceholder, interpolate } from '../../src/config/interpolate.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'interpolate-test-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function fileWith(name: string, text: string): string {
  const file = path.join(folder, name);
  writeFileSync(file, text);
  return file;
}

describe('interpolation', () => {
  const outside = { environment: {}, folder };
  const environment = { HOST: 's4', PORT: '44300', TRICKY: `a$&b$1\${HOST}`, EMPTY: '' };

  it('fills in every placeholder of a text, and what is around them stays', () => {
    expect(interpolate(`https://\${HOST}.example:\${PORT}/x`, { environment, folder })).toEqual({
      text: 'https://s4.example:44300/x',
      missing: [],
    });
  });

  it('takes values as they are: nothing in them is filled in again', () => {
    expect(interpolate(`<\${TRICKY}>`, { environment, folder }).text).toBe(`<a$&b$1\${HOST}>`);
  });

  it('leaves an escaped placeholder as literal text', () => {
    expect(interpolate(`$\${HOST} and \${HOST}`, { environment, folder })).toEqual({
      text: `\${HOST} and s4`,
      missing: [],
    });
  });

  it('leaves dollar signs alone that begin no placeholder', () => {
    expect(interpolate('$HOST $ $$ {HOST} $1', { environment, folder }).text).toBe('$HOST $ $$ {HOST} $1');
  });

  it('names every variable that is not set or empty, and keeps the placeholder', () => {
    expect(interpolate(`\${NOPE}-\${EMPTY}-\${HOST}`, { environment, folder })).toEqual({
      text: `\${NOPE}-\${EMPTY}-s4`,
      missing: ['The environment variable NOPE is not set.', 'The environment variable EMPTY is empty.'],
    });
  });

  it.each([`\${HOST`, `a \${`, `\${}`])(
    'says how to write a literal one where a placeholder is not whole: %s',
    (text) => {
      expect(interpolate(text, { environment, folder })).toEqual({
        text,
        missing: [expect.stringContaining(`write $\${`)],
      });
    },
  );

  it.each([
    ['one line break', 'geheim\n', 'geheim'],
    ['one Windows line break', 'geheim\r\n', 'geheim'],
    ['only the last of several', 'two\nlines\n\n', 'two\nlines\n'],
    ['no line break', 'geheim ', 'geheim '],
  ])('takes a value from a file without its last line break: %s', (name, content, value) => {
    expect(interpolate(`\${file:${fileWith(name, content)}}`, outside)).toEqual({ text: value, missing: [] });
  });

  it('says of an empty file and of a missing one that there is no value', () => {
    const empty = fileWith('empty', '\n');
    expect(interpolate(`\${file:${empty}}`, outside).missing).toEqual([`The file ${empty} is empty.`]);
    expect(interpolate(`\${file:/nowhere/x}`, outside).missing).toEqual([
      expect.stringMatching(/^The file \/nowhere\/x cannot be read: ENOENT/),
    ]);
  });

  it('takes a relative path from the folder of the config file', () => {
    fileWith('relative', 'geheim\n');
    expect(interpolate(`\${file:relative}`, outside)).toEqual({ text: 'geheim', missing: [] });
    expect(interpolate(`\${file:./nope}`, outside).missing).toEqual([
      expect.stringContaining(`The file ${path.join(folder, 'nope')} cannot be read: ENOENT`),
    ]);
  });

  it('tells a text that means to take something from outside from one that does not', () => {
    expect([`\${A}`, `x\${file:/y}`, `$\${A}\${B}`, `\${`].map(hasPlaceholder)).toEqual([true, true, true, true]);
    expect([`$\${A}`, 'A', '$A', ''].map(hasPlaceholder)).toEqual([false, false, false, false]);
  });
});
