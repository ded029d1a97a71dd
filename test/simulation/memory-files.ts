import { dirname } from 'node:path';

/** Everything below it is kept in memory: a run of the simulation makes hundreds of small files, and needs none afterwards. */
const root = '/simulated/';

export function isInMemory(path: unknown): path is string {
  return typeof path === 'string' && path.startsWith(root);
}

/** One content; several names may stand for it. */
interface Content {
  inode: bigint;
  text: string;
}

const names = new Map<string, Content>();
const opened = new Map<number, Content | undefined>();
/** No descriptor of the system's is ever as high. */
const firstDescriptor = 1_000_000;
let count = 0;

/** A directory that is there and empty; what it holds goes with `removeInMemory`. */
export function makeDirectory(): string {
  count += 1;
  return `${root}${count}`;
}

export function removeInMemory(directory: string): void {
  for (const name of names.keys()) if (name.startsWith(`${directory}/`)) names.delete(name);
}

/** Contents by name within a directory. */
export function readAll(directory: string): Map<string, string> {
  return new Map(listed(directory).map((name) => [name, contentOf(`${directory}/${name}`).text]));
}

export function put(path: string, text: string): void {
  count += 1;
  names.set(path, { inode: BigInt(count), text });
}

function listed(directory: string): string[] {
  return [...names.keys()]
    .filter((path) => dirname(path) === directory)
    .map((path) => path.slice(directory.length + 1));
}

function contentOf(path: string): Content {
  const content = names.get(path);
  if (content === undefined) throw failure('ENOENT', path);
  return content;
}

function failure(code: string, path: string): Error {
  return Object.assign(new Error(`${code}: ${path}`), { code });
}

function open(path: string, flags: string): number {
  if (flags.startsWith('wx')) {
    if (names.has(path)) throw failure('EEXIST', path);
    put(path, '');
  }
  // A directory is opened only to be flushed.
  const content = names.get(path);
  if (content === undefined && flags !== 'r') throw failure('ENOENT', path);
  count += 1;
  opened.set(firstDescriptor + count, content);
  return firstDescriptor + count;
}

function write(descriptor: number, text: string): void {
  const content = opened.get(descriptor);
  if (content === undefined) throw failure('EBADF', String(descriptor));
  content.text += text;
}

function rename(from: string, to: string): void {
  names.set(to, contentOf(from));
  names.delete(from);
}

function link(from: string, to: string): void {
  if (names.has(to)) throw failure('EEXIST', to);
  names.set(to, contentOf(from));
}

/** Those calls of `node:fs` that the state makes, each for what it makes them with. */
export const memoryCalls = {
  openSync: open,
  writeFileSync: write,
  renameSync: rename,
  linkSync: link,
  rmSync: (path: string) => void names.delete(path),
  closeSync: (descriptor: number) => void opened.delete(descriptor),
  existsSync: (path: string) => names.has(path),
  readdirSync: listed,
  readFileSync: (path: string) => Buffer.from(contentOf(path).text),
  mkdirSync: () => undefined,
  statSync(path: string) {
    const content = names.get(path);
    return content && { ino: content.inode };
  },
};

/** Whether a call with this first argument is for us. */
export function isOurs(target: unknown): boolean {
  return isInMemory(target) || (typeof target === 'number' && opened.has(target));
}
