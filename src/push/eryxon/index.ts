import { systemClock } from '../../core/clock.ts';
import { type Entity, entities, type Finding, type MesRecord } from '../../core/types.ts';
import type { Sink, Transport } from '../sink.ts';
import { readAnswer } from './answers.ts';
import { tables } from './bodies.ts';
import { deliverBatch, largestBatch } from './deliver.ts';
import { createDiscovery } from './discovery.ts';
import { createEstimate, type Guess, guessesOf } from './estimate.ts';
import { leftOutFindings } from './field-findings.ts';
import { reportWays, troubleFinding, unknownWaysFinding, type WayReport, wayFindings } from './findings.ts';
import { createForesee } from './foresee.ts';
import { listRecords } from './lists.ts';
import { createNesting } from './nested.ts';
import { forgetfulNotes } from './notes.ts';
import { createSession, type SessionOptions } from './session.ts';

/** The Eryxon MES in all its generations. */
export interface EryxonSink extends Sink {
  /** Reach, credentials, and whether the fields that records carry have a place there; writes nothing. */
  check(transport: Transport, mapped?: ReadonlyMap<Entity, ReadonlySet<string>>): Promise<Finding[]>;
  /** How each entity is delivered, as last found out; empty before the first time. `full` says why new records wait. */
  ways(): Promise<(WayReport & { full: string | undefined })[]>;
  /** Why the requests of a plan are a guess; empty when they are not. */
  guesses(): Promise<Guess[]>;
  /** Requests that a deletion takes if all goes well, without sending any. */
  estimateRemoval(entity: Entity): Promise<number>;
  /** What the MES can do is found out anew before the next record goes out. */
  rediscover(): void;
  /** Finds out now what the MES can do: what it takes again goes out with the next passes. */
  lookAgain(transport: Transport): Promise<unknown>;
  /** The record was deleted in the MES: the next one of its key is a new one. */
  forget(record: MesRecord): Promise<void>;
}

export interface EryxonOptions extends Partial<SessionOptions> {
  /** The MES takes these again, or for the first time. */
  onAvailable?(entities: readonly Entity[]): Promise<void>;
}

async function ignored(): Promise<void> {}

/** `url` is the base of its functions. Without notes what is learnt of it ends with the process. */
export function createEryxonSink(url: string, options: EryxonOptions = {}): EryxonSink {
  const base = new URL(url).pathname.replace(/\/$/, '');
  const { notes = forgetfulNotes(), clock = systemClock, sampleUpdates = 0.05, onAvailable = ignored } = options;
  const session = createSession({ ...options, notes, clock, sampleUpdates });
  const discovery = createDiscovery({ url: new URL(url).origin + base, base, notes, clock, onAvailable });
  const estimate = createEstimate(discovery, session);
  return {
    deliver: (batch, transport) => deliverBatch({ base, discovery, session }, batch, transport),
    largestBatch: (entity) => largestBatch(discovery, entity),
    estimate: estimate.batch,
    estimateRemoval: estimate.removal,
    nesting: createNesting({ base, discovery, session, clock, estimate: estimate.tree }),
    foresee: createForesee(discovery, session),
    list: (entity, transport) => listRecords({ base, entity, transport }),
    async check(transport, mapped = new Map()) {
      const findings: Finding[] = [];
      for (const entity of entities) {
        const finding = await checkTable(`${base}/api-${tables[entity]}`, transport);
        findings.push(finding);
        // What is wrong with the key or the connection is wrong for all.
        if (finding.level === 'error' && finding.code !== endpointMissing) return findings;
      }
      if (findings.every(({ code }) => code === endpointMissing)) return findings;
      try {
        const capabilities = await discovery.current(transport);
        return [...findings, ...wayFindings(capabilities), ...leftOutFindings(capabilities, mapped)];
      } catch (error) {
        return [...findings, unknownWaysFinding(error)];
      }
    },
    async ways() {
      const known = await discovery.known();
      const full = session.planLimit.reasons();
      const reports = known === undefined ? [] : reportWays(known);
      return reports.map((way) => ({ ...way, full: full.get(way.entity) }));
    },
    guesses: () => guessesOf(discovery, session),
    rediscover: discovery.expire,
    lookAgain: discovery.look,
    forget: (record) => session.posted.forget(record),
  };
}

const endpointMissing = 'mes-endpoint-missing';

async function checkTable(path: string, transport: Transport): Promise<Finding> {
  const where = `mes ${path.split('/').at(-1)}`;
  try {
    const answer = readAnswer(await transport.request({ method: 'GET', path: `${path}?limit=1` }), `GET ${path}`);
    if (answer.data !== undefined)
      return { code: 'mes-reachable', level: 'ok', where, text: 'The endpoint answers.', todo: '' };
    if (answer.status === 404) {
      const text = `There is no endpoint ${path} (HTTP 404 ${answer.message}).`;
      return {
        code: endpointMissing,
        level: 'error',
        where,
        text,
        todo: 'Check the path of mes.url: it usually ends in /functions/v1.',
      };
    }
    return {
      code: 'mes-endpoint-faulty',
      level: 'warning',
      where,
      text: `The endpoint answers HTTP ${answer.status} ${answer.message}.`,
      todo: 'Listing is not needed for delivery; if deliveries fail too, ask the MES administrator.',
    };
  } catch (error) {
    return troubleFinding(where, error);
  }
}
