type SchemaNode = Readonly<Record<string, unknown>>;

/** Checks a value against the part of JSON Schema that the published schema uses; a text for each violation. */
export function violations(schema: SchemaNode, value: unknown, at = ''): string[] {
  const variants = [schema['oneOf'], schema['anyOf']].find(Array.isArray) as SchemaNode[] | undefined;
  if (variants !== undefined) {
    const results = variants.map((variant) => violations(variant, value, at));
    return results.some((found) => found.length === 0) ? [] : [`${at} fits no variant`];
  }
  if (value === undefined) return [`${at} is required`];
  const { type } = schema;
  if (typeof type === 'string' && !isOfType(type, value)) return [`${at} is no ${type}`];
  if ('const' in schema && schema['const'] !== value) return [`${at} is not ${String(schema['const'])}`];
  if (Array.isArray(schema['enum']) && !schema['enum'].includes(value)) return [`${at} is none of the choices`];
  if (typeof value === 'number') return ofNumber(schema, value, at);
  if (typeof value === 'string') return ofText(schema, value, at);
  if (Array.isArray(value))
    return value.flatMap((item, index) => violations(node(schema['items']), item, `${at}.${index}`));
  return typeof value === 'object' && value !== null ? ofObject(schema, value as SchemaNode, at) : [];
}

function ofNumber(schema: SchemaNode, value: number, at: string): string[] {
  const { minimum, maximum } = schema as { minimum?: number; maximum?: number };
  if (minimum !== undefined && value < minimum) return [`${at} is below ${minimum}`];
  return maximum !== undefined && value > maximum ? [`${at} is above ${maximum}`] : [];
}

function ofText(schema: SchemaNode, value: string, at: string): string[] {
  const { pattern } = schema as { pattern?: string };
  return pattern === undefined || new RegExp(pattern, 'u').test(value) ? [] : [`${at} does not match`];
}

function ofObject(schema: SchemaNode, value: SchemaNode, at: string): string[] {
  const properties = node(schema['properties']);
  const others = schema['additionalProperties'];
  const required = Array.isArray(schema['required']) ? (schema['required'] as string[]) : [];
  const place = (name: string) => (at === '' ? name : `${at}.${name}`);
  const absent = required.filter((name) => value[name] === undefined).map((name) => `${place(name)} is required`);
  const present = Object.entries(value).filter(([, child]) => child !== undefined);
  const found = present.flatMap(([name, child]) => {
    const known = properties[name] ?? others;
    return known === false ? [`${place(name)} is not allowed`] : violations(node(known), child, place(name));
  });
  return [...absent, ...found];
}

function isOfType(type: string, value: unknown): boolean {
  if (type === 'null') return value === null;
  if (type === 'array') return Array.isArray(value);
  if (type === 'integer') return Number.isInteger(value);
  if (type === 'object') return typeof value === 'object' && value !== null && !Array.isArray(value);
  return typeof value === type;
}

function node(value: unknown): SchemaNode {
  return typeof value === 'object' && value !== null ? (value as SchemaNode) : {};
}
