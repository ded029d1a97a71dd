import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { accessSync, constants, readFileSync } from 'node:fs';
import { messageOf } from '../core/errors.ts';

/** What is wrong with the file that a setting names. */
export interface FileProblem {
  setting: string;
  text: string;
}

/** File by the setting that names it. */
export type Named = Readonly<Record<string, string>>;

/** Files that cannot be read, which is better known before anything runs. */
export function checkReadable(files: Named): FileProblem[] {
  return Object.entries(files).flatMap(([setting, file]) =>
    isReadable(file) ? [] : [{ setting, text: `names a file that cannot be read: ${file}` }],
  );
}

/** The PEM files of a `tls` block. Node takes a CA file without a certificate for an empty one, and tells of the others only when it connects. */
export function checkTls(files: Named): FileProblem[] {
  const problems = checkReadable(files);
  const read = <Parsed>(setting: string, what: string, parse: (pem: string) => Parsed): Parsed | undefined => {
    const file = files[setting];
    if (file === undefined || !isReadable(file)) return undefined;
    try {
      return parse(readFileSync(file, 'utf8'));
    } catch (error) {
      problems.push({ setting, text: `names a file that ${reasonOf(error, what)}: ${file}` });
      return undefined;
    }
  };
  const certificateIn = (pem: string) => new X509Certificate(pem);
  read('caFile', 'certificate', certificateIn);
  const certificate = read('certFile', 'certificate', certificateIn);
  const key: KeyObject | undefined = read('keyFile', 'private key', createPrivateKey);
  if (certificate !== undefined && key !== undefined && !certificate.checkPrivateKey(key)) {
    problems.push({ setting: 'keyFile', text: 'is not the key of the certificate in certFile' });
  }
  return problems;
}

function isReadable(file: string): boolean {
  try {
    accessSync(file, constants.R_OK);
    return true;
  } catch {
    return false;
  }
}

function reasonOf(error: unknown, what: string): string {
  const { code } = error as NodeJS.ErrnoException;
  if (code !== undefined && encryptedCodes.has(code)) {
    return 'is encrypted; name one without a passphrase, open to this user alone';
  }
  if (code === 'EISDIR') return 'is a directory';
  return `holds no ${what} in PEM form (${messageOf(error)})`;
}

/** What OpenSSL says of a key that asks for a passphrase, by its form. */
const encryptedCodes: ReadonlySet<string> = new Set([
  'ERR_MISSING_PASSPHRASE',
  'ERR_OSSL_CRYPTO_INTERRUPTED_OR_CANCELLED',
]);
