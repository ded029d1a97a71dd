import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Exchange, serve } from '../../sandbox/http.ts';
import { createRandom } from '../../sandbox/random.ts';
import { type Sandbox, startSandbox } from '../../sandbox/sandbox.ts';
import type { Simulator } from '../../sandbox/types.ts';
import { createWorkspace, leaksIn, type Workspace, type WorkspaceOptions } from '../support/cli-workspace.ts';

const canary = 'cAnArY/7f3a9+"x" %41';
const key = 'ery_test_cAnArY_5d1e';
const env = { CANARY: canary };
const streams = ['work-centers', 'equipment'];

const auths = [
  ['the password of basic credentials', `{ kind: basic, username: MES, password: "\${CANARY}" }`],
  [
    'the client secret of OAuth',
    `{ kind: oauth2, tokenUrl: "\${TOKEN_URL}", clientId: mes, clientSecret: "\${CANARY}" }`,
  ],
  ['the API key of the ERP', `{ kind: apiKey, key: "\${CANARY}", header: X-Key }`],
] as const;

/** An ERP that tells whoever asks what it was asked with, as some error pages do. */
let erp: Simulator;
/** A MES that does so in the error of each record, so that it becomes the reason of a dead letter. */
let mes: Simulator;
let sandbox: Sandbox;
const opened: Workspace[] = [];

beforeAll(async () => {
  sandbox = await startSandbox({ seed: 18, records: 40 });
  const random = createRandom(1);
  erp = await serve(
    (exchange) => {
      const message = { lang: 'en', value: `Not understood: ${echo(exchange)}` };
      const refusal = { error: { code: 'X/1', message }, error_description: echo(exchange) };
      return { status: 400, body: JSON.stringify(refusal) };
    },
    { random },
  );
  mes = await serve(
    (exchange) => ({ status: 200, body: JSON.stringify({ success: true, data: refuseAll(exchange) }) }),
    {
      random,
    },
  );
});
afterAll(async () => {
  for (const workspace of opened) workspace.remove();
  await Promise.all([sandbox.stop(), erp.stop(), mes.stop()]);
});

/** All that came, as it came and with its Base64 undone. */
function echo({ headers, body, query }: Exchange): string {
  const { authorization = '' } = headers;
  const plain = Buffer.from(authorization.replace('Basic ', ''), 'base64').toString();
  return `${JSON.stringify(headers)} ${plain} ${decodeURIComponent(plain.replaceAll('%', '%25'))} ${body} ${query}`;
}

function refuseAll(exchange: Exchange): object {
  const records = Object.values(JSON.parse(exchange.body || '{}')).find(Array.isArray) ?? [];
  const results = (records as { external_id: string }[]).map(({ external_id }) => ({
    external_id,
    action: 'error',
    error: `Refused for ${exchange.headers.authorization}`,
  }));
  return { total: results.length, created: 0, updated: 0, errors: results.length, results };
}

function open(options: WorkspaceOptions): Workspace {
  const workspace = createWorkspace(sandbox, { streams, secrets: [canary, key], ...options });
  opened.push(workspace);
  return workspace;
}

/** Everything that a workspace has written, state and dead letters with it. */
function leaksInFiles(workspace: Workspace, secrets: readonly string[]): string[] {
  return workspace.files().flatMap(({ name, text }) => leaksIn(text, secrets).map((form) => `${name}: ${form}`));
}

// Every call of a workspace also looks for the secrets in what it prints, in all their forms.
describe.concurrent('a secret never gets out', () => {
  it.each(auths)('when the ERP sends back %s', async (_name, auth) => {
    const workspace = open({ sapUrl: erp.url, auth, env: { ...env, TOKEN_URL: `${erp.url}/token` } });
    for (const verb of [['check'], ['check', '--json'], ['sync'], ['sync', '--json'], ['status', '--json']]) {
      const { code, stdout } = await workspace.run(...verb);
      expect(code).toBe(verb[0] === 'status' ? 0 : 1);
      expect(stdout).not.toBe('');
    }
    expect(leaksInFiles(workspace, [canary])).toEqual([]);
  });

  it('when the MES sends back its key, which becomes the reason of a dead letter', async () => {
    const workspace = open({ mesUrl: `${mes.url}/functions/v1`, apiKey: key });
    expect((await workspace.run('sync', '--json')).code).toBe(2);
    const { answer } = await workspace.json('dead-letters', 'list');
    const { deadLetters } = answer as { deadLetters: { reason: string }[] };
    expect(deadLetters.length).toBeGreaterThan(0);
    expect(deadLetters[0]?.reason).toBe('Refused for Bearer [redacted]');
    await workspace.run('dead-letters', 'show', '1');
    expect(leaksInFiles(workspace, [key])).toEqual([]);
  });

  it('through log, readiness page and metrics of the daemon', async () => {
    const workspace = open({ sapUrl: erp.url, auth: auths[0][1], env, apiKey: key, lines: ['log: { level: debug }'] });
    const daemon = await workspace.startDaemon();
    await daemon.waitFor(/"Pass failed\.".*equipment/);
    const pages = await Promise.all(
      ['/readyz', '/metrics', '/livez'].map(async (page) => (await fetch(daemon.url + page)).text()),
    );
    expect(pages[0]).toContain('waits for a human');
    const { code, stdout, stderr } = await daemon.stop('SIGTERM');
    expect(code).toBe(0);
    expect(leaksIn([stdout, stderr, ...pages].join('\n'), [canary, key])).toEqual([]);
    expect(leaksInFiles(workspace, [canary, key])).toEqual([]);
  });

  it.each([
    ['a password', { auth: `{ kind: basic, username: MES, passwort: "\${CANARY}" }` }],
    ['a key in a number', { lines: [`log: { level: "\${CANARY}" }`] }],
    ['a proxy with credentials', { connectorLines: [`proxy: "http://u:\${CANARY}@proxy.example"`] }],
  ])('when it stands in the wrong place of the config: %s', async (_name, options) => {
    const { code, stderr } = await open({ ...options, env }).run('sync');
    expect(code).toBe(78);
    expect(stderr).toMatch(/erp-puller\.yaml:\d+:\d+: /);
  });
});
