import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';

/** Folder of the installed package: the nearest above this file with a package.json. */
export function packageFolder(): string {
  let folder = import.meta.dirname;
  while (!existsSync(path.join(folder, 'package.json'))) folder = path.dirname(folder);
  return folder;
}

export function readPackage(): { version: string } {
  return JSON.parse(readFileSync(path.join(packageFolder(), 'package.json'), 'utf8'));
}
