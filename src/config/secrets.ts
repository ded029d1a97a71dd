import { isObject } from '../core/objects.ts';
import { configJsonSchema } from './schema.ts';

export interface FoundSecret {
  path: (string | number)[];
  value: string;
}

/** Every value of a config that its schema marks as secret, also in a config that is wrong elsewhere. */
export function findSecrets(config: unknown): FoundSecret[] {
  const found = new Map<string, FoundSecret>();
  collect(configJsonSchema(), { value: config, path: [] }, found);
  return [...found.values()];
}

/**
 * What redaction must know: every secret, and its pair with each text beside it. Basic credentials travel as the Base64 of
 * `user:password`, in which the Base64 of the password alone does not occur.
 */
export function secretTexts(config: unknown): string[] {
  const texts = findSecrets(config).flatMap(({ path, value }) => {
    const beside = path.slice(0, -1).reduce((node: unknown, key) => (isObject(node) ? node[key] : undefined), config);
    const names = Object.values(isObject(beside) ? beside : {}).filter((text) => typeof text === 'string');
    const pairs = names.filter((name) => name !== value).map((name) => `${name}:${value}`);
    const encoded = names.map((name) => `${encodeURIComponent(name)}:${encodeURIComponent(value)}`);
    return [value, ...pairs, ...encoded];
  });
  return [...new Set(texts)];
}

interface Place {
  value: unknown;
  path: (string | number)[];
}

function collect(node: unknown, { value, path }: Place, found: Map<string, FoundSecret>): void {
  if (!isObject(node)) return;
  if (node['secret'] === true && typeof value === 'string') found.set(path.join('.'), { path, value });
  for (const branch of [node['anyOf'], node['oneOf'], node['allOf']]) {
    if (Array.isArray(branch)) for (const part of branch) collect(part, { value, path }, found);
  }
  if (!isObject(value)) return;
  const properties = isObject(node['properties']) ? node['properties'] : {};
  for (const [name, child] of Object.entries(value)) {
    collect(properties[name] ?? node['additionalProperties'], { value: child, path: [...path, name] }, found);
  }
}
