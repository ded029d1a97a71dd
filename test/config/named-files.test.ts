import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { checkTls } from '../../src/config/named-files.ts';
import { problemsOf, withLines } from '../support/config-file.ts';

const fixtures = path.resolve(import.meta.dirname, '../fixtures/tls');
const certificate = path.join(fixtures, 'expired-certificate.pem');
const key = path.join(fixtures, 'expired-certificate-key.pem');
const another = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;

/** A file of this content, gone after the test. */
function fileOf(content: string): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'named-files-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const file = path.join(folder, 'a.pem');
  writeFileSync(file, content);
  return file;
}

function encrypted(plain: KeyObject, type: 'pkcs8' | 'sec1'): string {
  return plain.export({ type, format: 'pem', cipher: 'aes-256-cbc', passphrase: 'Welcome1' }).toString();
}

describe('the PEM files of a tls block', () => {
  it('may be any certificate, expired ones too, and its key', () => {
    expect(checkTls({ caFile: certificate, certFile: certificate, keyFile: key })).toEqual([]);
    expect(checkTls({})).toEqual([]);
  });

  it.each([
    ['caFile', 'certificate', 'mes: 1\n'],
    ['caFile', 'certificate', ''],
    ['certFile', 'certificate', another.export({ type: 'pkcs8', format: 'pem' }).toString()],
    ['keyFile', 'private key', 'mes: 1\n'],
  ])('%s without a %s is refused', (setting, what, content) => {
    const file = fileOf(content);
    const text = expect.stringMatching(
      new RegExp(`^names a file that holds no ${what} in PEM form \\(.+\\): ${file}$`),
    );
    expect(checkTls({ [setting]: file })).toEqual([{ setting, text }]);
  });

  it.each(['pkcs8', 'sec1'] as const)('a key with a passphrase is refused (%s)', (type) => {
    const file = fileOf(encrypted(another, type));
    const text = `names a file that is encrypted; name one without a passphrase, open to this user alone: ${file}`;
    expect(checkTls({ certFile: certificate, keyFile: file })).toEqual([{ setting: 'keyFile', text }]);
  });

  it('the key of another certificate is refused', () => {
    const file = fileOf(another.export({ type: 'pkcs8', format: 'pem' }).toString());
    const text = 'is not the key of the certificate in certFile';
    expect(checkTls({ certFile: certificate, keyFile: file })).toEqual([{ setting: 'keyFile', text }]);
  });

  it('a directory is refused', () => {
    expect(checkTls({ caFile: fixtures })).toEqual([
      { setting: 'caFile', text: `names a file that is a directory: ${fixtures}` },
    ]);
  });

  it('are looked at with the rest of the config', async () => {
    const file = fileOf('mes: 1\n');
    expect(await problemsOf(withLines(`tls: { caFile: ${file} }`, 'everySeconds: 0'))).toEqual([
      expect.stringMatching(/^16:12 connectors\.plant-1\.tls\.caFile names a file that holds no certificate/),
      expect.stringMatching(/^17:5 connectors\.plant-1\.everySeconds /),
    ]);
  });
});
