/** EDM type by property name, of one entity set. */
export type PropertyTypes = ReadonlyMap<string, string>;

/** A value in quotes may hold a bare `>`. */
const element = /<(?:\w+:)?(EntitySet|EntityType|ComplexType|Property)\s((?:"[^"]*"|'[^']*'|[^>"'])*)>/g;

/**
 * Reads the property types of an entity set out of a `$metadata` document (EDMX, V2 or V4). The documents are written by
 * machines and only elements with a few attributes matter here, so a scanner does: no entities are expanded, nothing is loaded.
 * Undefined when the document holds no such set.
 */
export function readPropertyTypes(metadata: string, entitySet: string): PropertyTypes | undefined {
  const sets = new Map<string, string>();
  const types = new Map<string, Map<string, string>>();
  let current: Map<string, string> | undefined;
  for (const [, name, attributes] of metadata.matchAll(element)) {
    const own = readAttributes(attributes ?? '');
    if (name === 'ComplexType') {
      current = undefined;
    } else if (name === 'EntityType') {
      current = new Map();
      types.set(own.get('Name') ?? '', current);
    } else if (name === 'Property') {
      current?.set(own.get('Name') ?? '', own.get('Type') ?? '');
    } else {
      sets.set(own.get('Name') ?? '', own.get('EntityType') ?? '');
    }
  }
  const typeName = sets.get(entitySet)?.split('.').at(-1);
  return typeName === undefined ? undefined : types.get(typeName);
}

function readAttributes(text: string): Map<string, string> {
  const attributes = new Map<string, string>();
  for (const [, name, double, single] of text.matchAll(/([\w:.]+)\s*=\s*(?:"([^"]*)"|'([^']*)')/g)) {
    attributes.set(name ?? '', double ?? single ?? '');
  }
  return attributes;
}
