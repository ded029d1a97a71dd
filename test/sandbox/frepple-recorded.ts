import { readFileSync } from 'node:fs';
import { type Access, type User, webtokenOf } from '../../sandbox/frepple/access.ts';
import { Database } from '../../sandbox/frepple/database.ts';
import type { Row } from '../../sandbox/frepple/model.ts';
import { answer, type Server } from '../../sandbox/frepple/server.ts';
import { serve } from '../../sandbox/http.ts';
import { createRandom } from '../../sandbox/random.ts';
import type { Simulator } from '../../sandbox/types.ts';

/** One exchange recorded from the real 9.17.0. Long answers were cut off: `content-length` tells. */
export interface Recorded {
  title: string;
  method: string;
  path: string;
  /** `authorization` holds user and password in clear. */
  headers: Record<string, string>;
  body?: string;
  status?: number;
  answerHeaders?: Record<string, string>;
  /** What was kept of the answer, in the placeholders of curl, when not its text. */
  format?: string;
  answer: string;
}

/** The recorded run, in order: exchanges build on those before them. */
export const recordedRun: Recorded[] = read('recorded.json');

/** Recorded exchanges that are not in the run, and why. */
export const notReplayed: Record<string, string> = {
  'OPTIONS detail (field metadata)': 'metadata of forms: no client of the MES asks for it; answered in short',
  'demand lastmodified filter does not exist: ignored → all rows (count only)': 'size of a table that was not recorded',
  'demand without filter (count only)': 'size of a table that was not recorded',
  'default ordering of the list (no ORDER BY on most models?) — first references': 'size of 5000 rows not recorded',
  'grid JSON endpoint (UI): paginated, sortable, MO with item/location/demands': 'internals of the user interface',
  'grid CSV endpoint': 'internals of the user interface',
  'grid JSON filter operators': 'internals of the user interface',
  'grid JSON resource': 'internals of the user interface',
  'grid JSON demand (carries lastmodified and source)': 'internals of the user interface',
};

const apiKey = 'orBWwRLFslJn4nbjqThzmpDOh0AHk3aJWj73HpDfLukmxNvzIQ7f71c2jzdbORjto';
const webtokenKey = 'the key of the recorded server is not known';
/** A time of saving as the recorded server wrote them, on the evening of the recording. */
const stampForm = /2026-11-20T23:\d\d:\d\d\.\d{6}/g;
const bulk = (reference: string, lastmodified: string): Row => ({
  reference,
  type: 'MO',
  status: 'confirmed',
  operation: 'Assemble chair',
  quantity: '10.00000000',
  startdate: '2026-12-01T09:00:00',
  enddate: '2026-12-01T13:00:00',
  plan: {},
  lastmodified,
});

/** The recorded server's data, and a clock that says what the recorded one said. */
export class Recording {
  readonly #database = new Database();
  readonly #seen = new Set<string>();
  #stamps: string[] = [];
  #server: Server;
  #simulator: Simulator | undefined;

  constructor() {
    for (const [table, rows] of Object.entries(read<Record<string, Row[]>>('tables.json'))) {
      for (const row of rows) this.#database.apply({ table, row });
    }
    for (const [stamp] of readText('tables.json').matchAll(stampForm)) this.#seen.add(stamp);
    const clock = {
      zone: 'Europe/Brussels',
      now: () => Date.parse('2026-11-20T22:20:00Z'),
      stamp: () => this.#stamp(),
    };
    const tasks = new Map();
    this.#server = { database: this.#database, clock, tasks, access: access(), splits: true, treeNumbered: false };
  }

  async start(): Promise<void> {
    this.#simulator = await serve((exchange) => answer(exchange, this.#server), { random: createRandom(1) });
  }

  async stop(): Promise<void> {
    await this.#simulator?.stop();
  }

  /** Sends a recorded request; what the machine did between two requests has been done. */
  async send({ title, method, path, headers, body, answer: recorded }: Recorded): Promise<Response> {
    this.#between(title, recorded);
    this.#stamps = [...new Set(recorded.match(stampForm))].filter((stamp) => !this.#seen.has(stamp)).sort();
    for (const stamp of this.#stamps) this.#seen.add(stamp);
    const token = webtokenOf({ user: 'admin', exp: 1_795_472_204 }, webtokenKey);
    const url = `${this.#simulator?.url}${path.replace(/webtoken=.*/, `webtoken=${token}`)}`;
    const sent = new Headers({ 'accept-encoding': 'identity', ...headers });
    const { authorization } = headers;
    if (authorization?.startsWith('Basic ')) {
      sent.set('authorization', `Basic ${Buffer.from(authorization.slice(6)).toString('base64')}`);
    } else if (authorization?.startsWith('Bearer eyJ')) sent.set('authorization', `Bearer ${token}`);
    const init: RequestInit = { method, headers: sent, redirect: 'manual' };
    if (body !== undefined) init.body = body;
    return await fetch(url, init);
  }

  #stamp(): string {
    return this.#stamps.shift() ?? '2026-11-20T23:59:59.999999';
  }

  #between(title: string, recorded: string): void {
    if (title.startsWith('after a hierarchy rebuild')) this.#server = { ...this.#server, treeNumbered: true };
    if (title.startsWith('user with only view_skill')) {
      this.#server = { ...this.#server, access: access((action, model) => action === 'view' && model === 'skill') };
    }
    if (title === 'reference__in') {
      const [stamp = ''] = recorded.match(stampForm) ?? [];
      for (const reference of ['BULK-1', 'BULK-2']) this.#load(bulk(reference, stamp), 'assembly line');
    }
    if (!title.startsWith('Emulated plan run')) return;
    const rows = JSON.parse(recorded) as (Row & { resources: { resource: string }[] })[];
    for (const { resources, ...row } of rows) {
      for (const load of this.#database.table('operationplanresource').by('operationplan', row['reference'] ?? null)) {
        this.#database.apply({ table: 'operationplanresource', row: load, gone: true });
      }
      this.#load({ ...row, type: 'MO' }, resources[0]?.resource ?? '');
    }
  }

  #load(order: Row, resource: string): void {
    this.#database.apply({ table: 'operationplan', row: order });
    const row = {
      id: this.#database.serial(),
      operationplan: order['reference'] ?? '',
      resource,
      quantity: '1.00000000',
    };
    this.#database.apply({ table: 'operationplanresource', row: { ...row, setup: null } });
  }
}

function access(mayOfMes: User['may'] = () => true): Access {
  const user = (name: string, may: User['may']): User => ({ name, email: '', password: name, active: true, may });
  const users = [user('admin', () => true), user('mesro', mayOfMes), { ...user('mesoff', () => true), active: false }];
  return { users, apiKeys: new Map([[apiKey, 'admin']]), webtokenKey };
}

function readText(name: string): string {
  return readFileSync(new URL(`../fixtures/frepple/${name}`, import.meta.url), 'utf8');
}

function read<T>(name: string): T {
  return JSON.parse(readText(name)) as T;
}
