import { configJsonSchema } from './schema.ts';

export interface FoundSecret {
  path: (string | number)[];
  value: string;
}

type SchemaNode = Readonly<Record<string, unknown>>;

/** Every value of a config that its schema marks as secret, also in a config that is wrong elsewhere. */
export function findSecrets(config: unknown): FoundSecret[] {
  const found = new Map<string, FoundSecret>();
  collect(configJsonSchema(), { value: config, path: [] }, found);
  return [...found.values()];
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

function isObject(value: unknown): value is SchemaNode {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
