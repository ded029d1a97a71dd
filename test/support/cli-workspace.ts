import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Sandbox } from '../../sandbox/sandbox.ts';
import { type CliOptions, type CliResult, type RunningCli, runCli, startCli } from './cli.ts';

/** What a test wants otherwise than the sandbox has it. */
export interface WorkspaceOptions {
  sapUrl?: string;
  mesUrl?: string;
  password?: string;
  client?: string;
  apiKey?: string;
  /** A YAML map instead of the sandbox's user and password. */
  auth?: string;
  healthPort?: number;
  /** Streams that run; default: all. */
  streams?: readonly string[];
  /** Entity set of sales-orders instead of the standard one. */
  salesOrdersPath?: string;
  /** YAML lines of the connector, and at the top of the file. */
  connectorLines?: readonly string[];
  lines?: readonly string[];
  env?: Record<string, string>;
  /** Options of Node. */
  flags?: readonly string[];
  /** Beside key and password: what no output may ever hold. */
  secrets?: readonly string[];
}

/** A folder with a config for a sandbox and the state of its own, and the command line run in it. */
export interface Workspace {
  folder: string;
  configFile: string;
  stateDirectory: string;
  /** What the config takes from the environment. */
  env: Readonly<Record<string, string>>;
  run(...args: string[]): Promise<CliResult>;
  /** Runs a verb with --json and reads its only line. */
  json(...args: string[]): Promise<{ code: number | null; answer: unknown }>;
  start(...args: string[]): RunningCli;
  /** Runs it with standard output going to a file that is there. */
  runInto(stdoutFile: string, ...args: string[]): Promise<CliResult>;
  /** Starts the daemon; resolves when it serves. */
  startDaemon(): Promise<RunningCli & { url: string }>;
  /** Every file under the folder but the config, as text. */
  files(): { name: string; text: string }[];
  remove(): void;
}

const allStreams = ['work-centers', 'equipment', 'sales-orders', 'production-orders', 'operations'];

export function createWorkspace({ sap, mes }: Pick<Sandbox, 'sap' | 'mes'>, options: WorkspaceOptions = {}): Workspace {
  const folder = mkdtempSync(path.join(tmpdir(), 'cli-test-'));
  const configFile = path.join(folder, 'erp-puller.yaml');
  writeFileSync(configFile, describeConfig(options), { mode: 0o600 });
  const env = {
    MES_URL: options.mesUrl ?? `${mes.url}/functions/v1`,
    MES_KEY: options.apiKey ?? mes.apiKey,
    SAP_URL: options.sapUrl ?? sap.url,
    SAP_USER: sap.credentials.username,
    SAP_PASSWORD: options.password ?? sap.credentials.password,
    SAP_CLIENT: options.client ?? sap.credentials.client,
    ...options.env,
  };
  const cliOptions: CliOptions = { cwd: folder, env, flags: options.flags ?? [] };
  const secrets = [env.MES_KEY, env.SAP_PASSWORD, ...(options.secrets ?? [])];
  const run = async (...args: string[]) => guard(await runCli(args, cliOptions), secrets);
  const start = (...args: string[]) => startCli(args, cliOptions);
  return {
    folder,
    configFile,
    stateDirectory: path.join(folder, 'state'),
    env,
    run,
    start,
    runInto: async (stdoutFile, ...args) => guard(await runCli(args, { ...cliOptions, stdoutFile }), secrets),
    async json(...args) {
      const { code, stdout, stderr } = await run(...args, '--json');
      return { code, answer: onlyObject(stdout, stderr) };
    },
    async startDaemon() {
      const running = start('run');
      const [, url = ''] = await running.waitFor(/"health":"(http:[^"]+)"/);
      return { ...running, url };
    },
    files: () => filesIn(folder).filter(({ name }) => name !== 'erp-puller.yaml'),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** What holds for every verb, whatever it is called with: no secrets, and no colours without a terminal. */
function guard(result: CliResult, secrets: readonly string[]): CliResult {
  const output = result.stdout + result.stderr;
  if (output.includes('\u001b')) throw new Error(`There are escape codes in ${JSON.stringify(output)}.`);
  const leaked = leaksIn(output, secrets);
  if (leaked.length > 0) throw new Error(`The output holds the secret ${leaked.join(' and ')}: ${output}`);
  return result;
}

/** The forms in which a text holds one of the secrets: clear, Base64 at any alignment, URL-encoded. */
export function leaksIn(text: string, secrets: readonly string[]): string[] {
  return secrets.flatMap((secret) => formsOf(secret)).filter((form) => text.includes(form));
}

function formsOf(secret: string): string[] {
  // A secret in the middle of a Base64 text: behind 0 to 2 other bytes, less the characters that it shares with them.
  const shifted = ['', 'a', 'aa'].map((before) => {
    const text = Buffer.from(before + secret)
      .toString('base64')
      .replace(/=+$/, '');
    return text.slice(before === '' ? 0 : before.length + 1, -1);
  });
  return [...new Set([secret, encodeURIComponent(secret), ...shifted])];
}

/** One object on one line and nothing else: what other systems read. */
function onlyObject(stdout: string, stderr: string): unknown {
  const lines = stdout.split('\n');
  if (lines.length !== 2 || lines[1] !== '') throw new Error(`This is not one line of JSON: ${stdout}${stderr}`);
  return JSON.parse(lines[0] ?? '');
}

const basic = `{ kind: basic, username: "\${SAP_USER}", password: "\${SAP_PASSWORD}" }`;

function describeConfig(options: WorkspaceOptions): string {
  const {
    streams = allStreams,
    connectorLines = [],
    lines = [],
    auth = basic,
    healthPort = 0,
    salesOrdersPath,
  } = options;
  const ownPath = salesOrdersPath === undefined ? '' : `, path: ${salesOrdersPath}`;
  const switches = allStreams.map((name) => {
    const more = name === 'sales-orders' ? ownPath : '';
    return `      ${name}: { enabled: ${streams.includes(name)}${more} }`;
  });
  return `mes:
  url: \${MES_URL}
  apiKey: \${MES_KEY}
  rate: { requestsPerSecond: 1000, burst: 1000, requestsPerDay: 10000 }
  timeoutSeconds: 5
health: { port: ${healthPort} }
${lines.map((line) => `${line}\n`).join('')}connectors:
  plant-1:
    type: sap
    timeZone: Europe/Amsterdam
    plantTimeZones: { "1720": America/Chicago }
    externalSource: SAP
    url: \${SAP_URL}
    auth: ${auth}
    sapClient: "\${SAP_CLIENT}"
    rate: { requestsPerSecond: 1000, burst: 1000 }
    timeoutSeconds: 5
    settleSeconds: 0
${connectorLines.map((line) => `    ${line}\n`).join('')}    streams:
${switches.join('\n')}
`;
}

function filesIn(folder: string): { name: string; text: string }[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name))
    .map((file) => ({ name: path.relative(folder, file), text: readFileSync(file, 'latin1') }));
}
