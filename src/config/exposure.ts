import { statSync } from 'node:fs';
import type { Config } from './schema.ts';

/** A config file with secrets in it that others can read is refused; other loose permissions are worth a word. */
export function checkPermissions(file: string, holdsSecrets: boolean): { refused?: string; warnings: string[] } {
  const mode = modeOf(file);
  if (holdsSecrets && (mode & 0o077) !== 0) {
    const refused = `holds secrets in clear text and is open to others (mode ${shown(mode)}). Run chmod 600 on it, or use \${NAME} or \${file:/path}.`;
    return { refused, warnings: [] };
  }
  return {
    warnings:
      (mode & 0o022) === 0
        ? []
        : [`${file} can be written by others (mode ${shown(mode)}); chmod go-w would be better.`],
  };
}

/** Files that the config takes secrets from, and private keys. What is mounted into a container is somebody else's, and can be read by all. */
export function checkSecretFiles(files: readonly string[]): string[] {
  return [...new Set(files)].flatMap((file) => {
    const mode = modeOf(file);
    const isOwn = statSync(file).uid === process.getuid?.();
    const open = (mode & 0o022) !== 0 ? 'written' : isOwn && (mode & 0o004) !== 0 ? 'read' : undefined;
    return open === undefined
      ? []
      : [`${file} holds a secret and can be ${open} by others (mode ${shown(mode)}); chmod 600 would be better.`];
  });
}

/** URLs by which credentials leave this machine unencrypted. Old systems of a plant offer no more, so this is worth a word only. */
export function checkClearText({ mes, connectors }: Config): string[] {
  const urls = Object.entries(connectors).flatMap(([name, own]) =>
    urlsIn(own).map(([setting, url]) => [`connectors.${name}.${setting}`, url] as const),
  );
  return [['mes.url', mes.url] as const, ...urls]
    .filter(([, url]) => isClearText(url))
    .map(
      ([at]) => `${at} is http: credentials and records travel in clear text. Use https where the server offers it.`,
    );
}

function urlsIn(own: object): [setting: string, url: string][] {
  return Object.entries(own).flatMap(([name, value]): [string, string][] => {
    if (typeof value === 'string') return /^(url|baseUrl|tokenUrl)$/.test(name) ? [[name, value]] : [];
    if (name !== 'auth' || typeof value !== 'object' || value === null) return [];
    return urlsIn(value).map(([setting, url]) => [`auth.${setting}`, url]);
  });
}

function isClearText(url: string): boolean {
  if (!URL.canParse(url)) return false;
  const { protocol, hostname } = new URL(url);
  return protocol === 'http:' && hostname !== 'localhost' && hostname !== '[::1]' && !hostname.startsWith('127.');
}

function modeOf(file: string): number {
  return process.platform === 'win32' ? 0 : statSync(file).mode & 0o777;
}

function shown(mode: number): string {
  return mode.toString(8).padStart(3, '0');
}
