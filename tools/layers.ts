import { readdirSync } from 'node:fs';
import path from 'node:path';

/** Who may import what. `biome.layers.json` is made of these tables; ARCHITECTURE.md says them for people. */

const ports = ['connectors/connector.ts', 'state/store.ts', 'push/pusher.ts'];

/** Folder of src -> what it may import beside itself: whole layers, and single files of others, their ports. */
const layers: Readonly<Record<string, readonly string[]>> = {
  core: [],
  state: ['core'],
  push: ['core'],
  connectors: ['core'],
  config: ['core', 'connectors'],
  scheduler: ['core', ...ports],
  server: ['core', 'state/store.ts'],
  app: ['core', 'state', 'push', 'connectors', 'config', 'scheduler', 'server'],
};
/** No layer may import these; the verbs import every layer, and the sandbox. */
const outside = ['cli', 'sandbox', 'test', 'bench', 'tools'];

/** Folders of connectors: they never import each other, and what they share imports none of them. */
const connectors = readdirSync(path.resolve(import.meta.dirname, '../src/connectors'), { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && entry.name !== 'protocols')
  .map(({ name }) => name)
  .sort();

/** Package -> the only files that import it. */
const owners: Readonly<Record<string, readonly string[]>> = {
  axios: ['src/core/http.ts'],
  commander: ['src/cli.ts'],
  fastify: ['src/server/server.ts'],
  jsonata: ['src/connectors/expression.ts'],
  lowdb: ['src/state/watermark-file.ts'],
  nock: ['test/support/http-mock.ts'],
  'node-cron': ['src/scheduler/cron.ts'],
  'node:sqlite': ['src/state/database.ts', 'sandbox/**'],
  'p-limit': ['src/push/pusher.ts', 'src/scheduler/embedded-engine.ts'],
  'prom-client': ['src/server/metrics.ts'],
  winston: ['src/core/logger.ts'],
  yaml: ['src/config/load.ts'],
  zod: ['src/app/**', 'src/config/**', 'src/connectors/**'],
};

interface Pattern {
  group: string[];
  message: string;
}

/** What files may not import from other folders: all rules are for these, and for the owners of packages among them. */
interface Room {
  folder: string;
  patterns: Pattern[];
}

const see = 'see ARCHITECTURE.md, Where things are';
const rooms: readonly Room[] = [
  ...Object.keys(layers).map((name) => ({ folder: `src/${name}/`, patterns: [layerPattern(name)] })),
  ...[...connectors, 'protocols'].map((name) => ({
    folder: `src/connectors/${name}/`,
    patterns: [layerPattern('connectors'), connectorPattern(name)],
  })),
  { folder: 'sandbox/', patterns: [{ group: ['**/src/**'], message: `the sandbox may not import src; ${see}` }] },
];

function layerPattern(name: string): Pattern {
  const may = layers[name] ?? [];
  const closed = [...Object.keys(layers), ...outside].filter((each) => each !== name && !may.includes(each));
  const open = may.filter((each) => each.endsWith('.ts'));
  const group = [...closed.map((each) => `**/${each}/**`), '**/cli.ts', ...open.map((file) => `!**/${file}`)];
  return { group, message: `${name} may not import this layer; ${see}` };
}

/** A protocol may have the name of a connector, and then is the nearer folder. */
function connectorPattern(name: string): Pattern {
  const others = connectors.filter((each) => each !== name);
  const group = others.map((each) => (name === 'protocols' ? `../../${each}/**` : `../${each}/**`));
  return { group, message: `${name} may not import a connector; ${see}` };
}

/** The file of lint rules. An override replaces the options of those before it, so each says everything again. */
export function renderLayers(): string {
  const owning = [...new Set(Object.values(owners).flat())].filter((files) => files.endsWith('.ts'));
  const overrides = [
    override(['**'], []),
    ...rooms.map(({ folder, patterns }) => override([`${folder}**`], patterns)),
    ...owning.map((file) => override([file], rooms.findLast(({ folder }) => file.startsWith(folder))?.patterns ?? [])),
    override(['test/**', 'bench/**', '!test/support/http-mock.ts'], [], ['nock']),
  ];
  return `{"overrides":[\n${overrides.map((each) => JSON.stringify(each)).join(',\n')}\n]}\n`;
}

/** Refuses the packages that these files do not own. */
function override([files = '', ...but]: string[], patterns: Pattern[], packages = Object.keys(owners)) {
  const owned = (name: string) => owners[name]?.some((owner) => owner === files || isInside(files, owner));
  const foreign = packages.filter((name) => !owned(name));
  const paths = Object.fromEntries(foreign.map((name) => [name, `only ${owners[name]?.join(', ')} imports ${name}`]));
  const options = { paths, ...(patterns.length > 0 && { patterns }) };
  const rules = { style: { noRestrictedImports: { level: 'error', options } } };
  return { includes: [files, ...but], linter: { rules } };
}

function isInside(files: string, owner: string): boolean {
  return owner.endsWith('**') && files.startsWith(owner.slice(0, -2));
}
