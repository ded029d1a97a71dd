type SchemaNode = Readonly<Record<string, unknown>>;

interface Row {
  name: string;
  type: string;
  initial: string;
  text: string;
}

/** The settings page: one table a section, from the JSON Schema of the config file. */
export function renderSettings(schema: SchemaNode): string {
  const rows: Row[] = [];
  collect(schema, '', rows);
  const lines = rows.map(({ name, type, initial, text }) => `| \`${name}\` | ${type} | ${initial} | ${text} |`);
  return [
    '# Settings',
    '',
    'Generated from the config schema by `npm run generate`. Paths in the file, also those of `${file:…}`, are relative to its own folder.',
    'Text values may hold `${NAME}` (environment) and `${file:/path}` (file); `$${` stands for a literal `${`.',
    '',
    '| setting | type | default | meaning |',
    '|---|---|---|---|',
    ...lines,
    '',
  ].join('\n');
}

function collect(node: SchemaNode, prefix: string, rows: Row[]): void {
  const properties = asNode(node['properties']) ?? {};
  const required = Array.isArray(node['required']) ? node['required'] : [];
  for (const [name, value] of Object.entries(properties)) {
    const child = asNode(value);
    if (child !== undefined) collectOne({ name: prefix + name, child, needed: required.includes(name) }, rows);
  }
}

interface Place {
  name: string;
  child: SchemaNode;
  needed: boolean;
}

function collectOne({ name, child, needed }: Place, rows: Row[]): void {
  const variants = [child['oneOf'], child['anyOf']].find(Array.isArray)?.map(asNode) ?? [];
  const objects = variants.filter((variant) => variant?.['properties'] !== undefined);
  const values = asNode(child['additionalProperties']);
  const isSection = child['properties'] !== undefined || objects.length > 0 || isSectionMap(values);
  rows.push({
    name,
    type: isSection ? 'section' : typeOf(child),
    initial: initialOf(child, needed, isSection),
    text: describe(child),
  });
  collect(child, `${name}.`, rows);
  for (const variant of objects) collectVariant(name, variant ?? {}, rows);
  if (isSectionMap(values)) collectMap(name, values ?? {}, rows);
}

function isSectionMap(values: SchemaNode | undefined): boolean {
  return values?.['properties'] !== undefined || Array.isArray(values?.['oneOf']);
}

function collectMap(name: string, values: SchemaNode, rows: Row[]): void {
  const variants = Array.isArray(values['oneOf']) ? values['oneOf'].map(asNode) : [values];
  for (const variant of variants) collect(variant ?? {}, `${name}.<name>.`, rows);
}

/** A variant is told by its constant: `auth (kind: basic)`. */
function collectVariant(name: string, variant: SchemaNode, rows: Row[]): void {
  const properties = asNode(variant['properties']) ?? {};
  const tag = Object.entries(properties).find(([, value]) => asNode(value)?.['const'] !== undefined);
  const label = tag === undefined ? '' : ` (${tag[0]}: ${String(asNode(tag[1])?.['const'])})`;
  const others = Object.fromEntries(Object.entries(properties).filter(([key]) => key !== tag?.[0]));
  collect({ ...variant, properties: others }, `${name}${label}.`, rows);
}

function typeOf(node: SchemaNode): string {
  if (node['const'] !== undefined) return `\`${String(node['const'])}\``;
  if (Array.isArray(node['enum'])) return node['enum'].map((value) => `\`${value}\``).join(' ');
  const variants = [node['anyOf'], node['oneOf']].find(Array.isArray);
  if (variants !== undefined) return variants.map((variant) => typeOf(asNode(variant) ?? {})).join(' or ');
  if (node['type'] === 'array') return `list of ${typeOf(asNode(node['items']) ?? {})}`;
  if (node['type'] === 'object') return 'map';
  const { minimum, maximum } = node as { minimum?: number; maximum?: number };
  const range =
    maximum === undefined || maximum > 1e12
      ? ''
      : ` ${minimum ?? `> ${String(node['exclusiveMinimum'])}`} to ${maximum}`;
  return `${node['secret'] === true ? 'secret ' : ''}${String(node['type'] ?? 'text')}${range}`.replace(
    'string',
    'text',
  );
}

function initialOf(node: SchemaNode, needed: boolean, isSection: boolean): string {
  const initial = node['default'];
  if (initial !== undefined && !(isSection && JSON.stringify(initial) === '{}'))
    return `\`${JSON.stringify(initial)}\``;
  return needed ? '**required**' : '';
}

/** As it stands in the config file. */
function textOf(example: unknown): string {
  return typeof example === 'object' ? JSON.stringify(example) : String(example);
}

function describe(node: SchemaNode): string {
  const examples = Array.isArray(node['examples'])
    ? node['examples'].map((example) => `\`${textOf(example)}\``).join(', ')
    : '';
  const text = String(node['description'] ?? '')
    .replaceAll('|', '\\|')
    .replaceAll('<', '&lt;');
  return examples === '' ? text : `${text}, e.g. ${examples}`;
}

function asNode(value: unknown): SchemaNode | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as SchemaNode) : undefined;
}
