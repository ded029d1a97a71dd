import { ConfigError, PermanentError } from '../../../core/errors.ts';
import { type HttpRequest, type HttpResponse, retryAfterMs } from '../../../core/http.ts';
import { createErpClient, type ErpClientOptions } from '../erp-client.ts';
import { classifyStatus } from './errors.ts';
import {
  type AnswerReading,
  json2Request,
  jsonRpcRequest,
  loginRequest,
  type OdooAccount,
  type OdooCall,
  parseJson,
  readJson2,
  readJsonRpc,
  versionRequest,
} from './wire.ts';

export interface OdooClient {
  /** The value that the method returned. Throws by what happens next; see `errors.ts`. */
  call(call: OdooCall, signal: AbortSignal): Promise<unknown>;
  /** Which protocol is spoken, and with which release. */
  server(signal: AbortSignal): Promise<OdooServer>;
  /** The server's clock: its last Date header plus the time since; undefined before the first answer. */
  now(): Date | undefined;
}

export interface OdooServer {
  protocol: 'json2' | 'jsonrpc';
  /** For people, e.g. `19.0` or `saas~19.1`. */
  version: string;
}

export interface OdooOptions extends Omit<ErpClientOptions, 'auth'> {
  /** Path that a proxy puts before all of Odoo's; empty for none. */
  prefix: string;
  account: OdooAccount;
  /** `auto` finds out: JSON-2 where there is one and the secret is an API key. */
  protocol: 'auto' | 'json2' | 'jsonrpc';
  secretIsKey: boolean;
  /** Goes with every call: language, zone, archived rows. */
  context: Readonly<Record<string, unknown>>;
  /** Companies to read; those that the account has at the start when undefined. */
  companies: readonly number[] | undefined;
}

/** One transport and two protocols, told apart once. */
export function createOdooClient(options: OdooOptions): OdooClient {
  const { name, account, clock } = options;
  const client = createErpClient(options);
  const send = <T>(request: HttpRequest, read: (answer: HttpResponse) => T, signal: AbortSignal) =>
    client.ask({ ...request, path: options.prefix + request.path }, read, signal);
  const reading = (what: string): AnswerReading => ({
    what: `${name}: ${what}`,
    now: clock.now(),
    secret: account.secret,
  });

  const server = once(async (signal) => {
    const json2 = options.protocol === 'jsonrpc' ? undefined : await probeJson2(signal);
    if (json2 !== undefined && (options.protocol === 'json2' || options.secretIsKey)) return json2;
    if (options.protocol === 'json2') throw new ConfigError(`${name}: ${noJson2}`);
    const answer = await send(versionRequest(), (got) => readJsonRpc(got, reading('common.version')), signal);
    const version = (answer as { server_version?: unknown } | undefined)?.server_version;
    return { protocol: 'jsonrpc', version: String(version ?? 'unknown') } satisfies OdooServer;
  });

  /** undefined where there is no JSON-2: Odoo before 19 answers with a page of its website, or leads elsewhere. */
  async function probeJson2(signal: AbortSignal): Promise<OdooServer | undefined> {
    const headers = { Accept: 'application/json', 'X-Odoo-Database': account.database };
    try {
      const request = { method: 'GET', path: '/json/version', headers } as const;
      return await send(request, (answer) => readVersion(answer, reading('/json/version')), signal);
    } catch (error) {
      if (error instanceof PermanentError) return undefined;
      throw error;
    }
  }

  const login = once(async (signal) => {
    const uid = await send(loginRequest(account), (got) => readJsonRpc(got, reading('common.authenticate')), signal);
    if (typeof uid === 'number') return uid;
    throw new PermanentError(`${name}: Odoo does not know this user name with this password or API key.`, {
      credentials: true,
    });
  });

  async function execute(call: OdooCall, signal: AbortSignal): Promise<unknown> {
    const what = reading(`${call.model}.${call.method}`);
    const { protocol } = await server.get(signal);
    if (protocol === 'json2') {
      return send(json2Request(account, call), (answer) => readJson2(answer, what), signal);
    }
    const uid = await login.get(signal);
    try {
      const request = jsonRpcRequest(account, uid, call);
      return await send(request, (answer) => readJsonRpc(answer, what), signal);
    } catch (error) {
      // The account may have been replaced by one of the same name.
      if (error instanceof PermanentError && error.credentials) login.forget();
      throw error;
    }
  }

  const companies = once((signal) => findCompanies(options, execute, signal));

  return {
    server: server.get,
    async call(call, signal) {
      const context = { ...options.context, ...(await companies.get(signal)) };
      return execute({ ...call, named: { ...call.named, context } }, signal);
    },
    now: client.now,
  };
}

function readVersion(answer: HttpResponse, { what, now }: AnswerReading): OdooServer | undefined {
  const { status, text, headers } = answer;
  if (status === 429 || status >= 500) throw classifyStatus(what, { status, retryAfterMs: retryAfterMs(headers, now) });
  const { version } = ((status === 200 ? parseJson(text) : undefined) ?? {}) as { version?: unknown };
  return typeof version === 'string' ? { protocol: 'json2', version } : undefined;
}

type Execute = (call: OdooCall, signal: AbortSignal) => Promise<unknown>;

/** Named in every call: a company that is taken away is an error then, and not rows that are gone. */
async function findCompanies(
  { companies, account, context }: OdooOptions,
  execute: Execute,
  signal: AbortSignal,
): Promise<{ allowed_company_ids?: readonly unknown[] }> {
  if (companies !== undefined) return { allowed_company_ids: companies };
  const active = { ...context, active_test: true };
  const own = { domain: [['login', '=', account.username]], fields: ['company_ids'], context: active };
  try {
    const rows = await execute({ model: 'res.users', method: 'search_read', named: own }, signal);
    const ids = (rows as { company_ids?: unknown }[] | undefined)?.[0]?.company_ids;
    if (!Array.isArray(ids) || ids.length === 0) return {};
    const named = { domain: [], context: { ...active, allowed_company_ids: ids } };
    await execute({ model: 'res.company', method: 'search_count', named }, signal);
    return { allowed_company_ids: ids };
  } catch (error) {
    // An account that may not look, or whose list Odoo does not take, reads what Odoo gives it.
    if (error instanceof PermanentError && !error.credentials) return {};
    throw error;
  }
}

const noJson2 =
  'protocol is json2, but this server answers no /json/version: it is older than 19, or a proxy keeps the path. Use auto or jsonrpc.';

/** Found out once; a failure is forgotten, so that the next poll tries again. */
function once<T>(find: (signal: AbortSignal) => Promise<T>): {
  get(signal: AbortSignal): Promise<T>;
  forget(): void;
} {
  let found: Promise<T> | undefined;
  const forget = () => {
    found = undefined;
  };
  return {
    get(signal) {
      found ??= find(signal);
      found.catch(forget);
      return found;
    },
    forget,
  };
}
