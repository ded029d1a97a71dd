import { readFileSync } from 'node:fs';
import type { EryxonSimulator } from '../../sandbox/eryxon/simulator.ts';
import type { Table } from '../../sandbox/types.ts';

/**
 * One exchange recorded from the real functions on a real database. The end of a long answer is cut off (`…`). `stored`
 * are the rows of that run found in the database afterwards, by external id (jobs: `external id|job_number`).
 */
export interface Recorded {
  section: string;
  title: string;
  request: string;
  body?: string;
  status: number;
  headers?: Record<string, string>;
  answer: string;
  stored?: { table: Table; rows: string[] };
}

/** The recorded run of a generation, in order: exchanges build on those before them. */
export function recordedRun(generation: 'v060' | 'main' | 'repaired'): Recorded[] {
  const file = new URL(`../fixtures/eryxon/${generation}.json`, import.meta.url);
  return JSON.parse(readFileSync(file, 'utf8')) as Recorded[];
}

/** Recorded exchanges that the simulator is not meant to answer, and why. */
export const notReplayed: Record<string, string> = {
  'Webhook create without secret': 'no webhook is ever sent',
  'Webhook create': 'no webhook is ever sent',
  'Webhook list (secret is returned in clear)': 'no webhook is ever sent',
  '429': 'needs a counter of its own: see the test of the daily limit',
};

/** What a request carried besides its text. */
const authorizations: Record<string, string | undefined> = {
  'No Authorization header': undefined,
  'Wrong key format': 'Bearer secret',
  'Unknown key': 'Bearer ery_live_00000000000000000000000000000000',
};

const longJobs = Array.from({ length: 500 }, (_, index) => ({
  external_id: `ex-fixed-LONG-0123456789-0123456789-0123456789-${String(index).padStart(4, '0')}`,
  external_source: 'SAP',
  job_number: `ex-fixed-L-${index}`,
}));

/** Bodies that are too long to be kept. */
const bodies: Record<string, object> = {
  'Bulk: 1001 items': { jobs: Array.from({ length: 1001 }, (_, index) => ({ external_id: `x${index}` })) },
  'erp-sync: 500 long external ids, first time': { jobs: longJobs },
  'erp-sync: the same again (look-up URL too long for the gateway)': { jobs: longJobs },
};

export interface Replayed {
  status: number;
  answer: string;
  headers: Headers;
}

/** Sends recorded requests to a simulator, with its own uuids in place of the recorded ones. */
export class Replay {
  readonly #mes: EryxonSimulator;
  /** Recorded uuid -> the simulator's. */
  readonly #ids = new Map<string, string>();

  constructor(mes: EryxonSimulator) {
    this.#mes = mes;
  }

  async send(recorded: Recorded): Promise<Replayed> {
    const { title, request, answer } = recorded;
    if (title === 'Get one') await this.#find(recorded);
    const [method = '', path = ''] = this.#translated(request).split(' ');
    const headers: Record<string, string> = { 'x-request-id': recorded.headers?.['x-request-id'] ?? 'replay' };
    const authorization = authorizationOf(title, this.#mes.apiKey);
    if (authorization !== undefined) headers['authorization'] = authorization;
    const body = bodies[title] === undefined ? recorded.body : JSON.stringify(bodies[title]);
    const init: RequestInit = { method, headers };
    if (body !== undefined) init.body = this.#translated(body);
    const response = await fetch(`${this.#mes.url}/functions/v1${path}`, init);
    const text = await response.text();
    this.#learn(answer, text);
    return { status: response.status, answer: this.#recordedForm(text, answer), headers: response.headers };
  }

  /** A job written in bulk: no answer named its uuid unless a list happened to show it. */
  async #find({ request, answer }: Recorded): Promise<void> {
    const [recordedId = ''] = request.match(uuids) ?? [];
    const [, jobNumber] = /"job_number":"([^"]+)"/.exec(answer) ?? [];
    const headers = { authorization: `Bearer ${this.#mes.apiKey}` };
    const response = await fetch(`${this.#mes.url}/functions/v1/api-jobs?job_number=${jobNumber}`, { headers });
    const [id] = (await response.text()).match(uuids) ?? [];
    if (id !== undefined) this.#ids.set(recordedId, id);
  }

  #translated(text: string): string {
    return text.replace(uuids, (id) => this.#ids.get(id) ?? id);
  }

  /** Answers of one shape name the same things in the same places. */
  #learn(recorded: string, actual: string): void {
    const theirs = recorded.match(uuids) ?? [];
    for (const [index, id] of (actual.match(uuids) ?? []).entries()) {
      const known = theirs[index];
      if (known !== undefined && !this.#ids.has(known)) this.#ids.set(known, id);
    }
  }

  /** The actual answer with recorded uuids, cut where the recorded one is. */
  #recordedForm(actual: string, recorded: string): string {
    const theirs = new Map([...this.#ids].map(([known, id]) => [id, known]));
    const whole = timeless(actual.replace(uuids, (id) => theirs.get(id) ?? id));
    const wanted = expectedForm(recorded);
    return wanted.endsWith('…') ? `${whole.slice(0, wanted.length - 1)}…` : whole;
  }
}

const uuids = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g;

function authorizationOf(title: string, apiKey: string): string | undefined {
  if (title === 'Lower-case bearer scheme') return `bearer ${apiKey}`;
  return title in authorizations ? authorizations[title] : `Bearer ${apiKey}`;
}

/** A recorded answer as it is compared; of one that is cut, the value in which the cut fell is left out. */
export function expectedForm(recorded: string): string {
  return timeless(recorded.replace(/"[^"]*…$/, '…'));
}

/** Without what the clock decides: moments other than the round ones that were sent, durations, and hashes over uuids. */
function timeless(text: string): string {
  const marked = text
    .replace(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+(?:\+00:00|Z)/g, '<time>')
    .replace(/"(created_at|updated_at|synced_at|started_at|completed_at)":"[^"<]+"/g, '"$1":"<time>"')
    .replace(/"duration_ms":\d+/g, '"duration_ms":<ms>');
  // A part's job_id is in the hash of the part; the hashes of jobs, cells and resources must be the recorded ones.
  return /"(?:part|operation)":\{/.test(marked)
    ? marked.replace(/"sync_hash":"[0-9a-f]{32}"/g, '"sync_hash":"<hash>"')
    : marked;
}
