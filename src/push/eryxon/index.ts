import { messageOf, PermanentError } from '../../core/errors.ts';
import { type Entity, entities, type Finding } from '../../core/types.ts';
import type { Sink, Transport } from '../sink.ts';
import { readAnswer } from './answers.ts';
import { tables } from './bodies.ts';
import { deliverBulk } from './classic-bulk.ts';
import { deliverSingly } from './put-sync.ts';

/** The Eryxon MES by its documented API; `url` is the base of its functions. */
export function createEryxonSink(url: string): Sink {
  const base = new URL(url).pathname.replace(/\/$/, '');
  /** Entities whose bulk endpoint was found missing; asked again by the next process. */
  const withoutBulk = new Set<Entity>();
  return {
    async deliver(batch, transport) {
      if (!withoutBulk.has(batch.entity)) {
        const results = await deliverBulk(base, batch, transport);
        if (results !== undefined) return results;
        withoutBulk.add(batch.entity);
      }
      return deliverSingly(base, batch, transport);
    },
    // Both ways of the documented API name every record; nothing is left to read back.
    readBack: async (batch) => batch.changes.map(() => ({ kind: 'unproven' })),
    list: async () => undefined,
    async check(transport) {
      const findings: Finding[] = [];
      for (const entity of entities) {
        const finding = await checkTable(`${base}/api-${tables[entity]}`, transport);
        findings.push(finding);
        // What is wrong with the key or the connection is wrong for all.
        if (finding.code === credentialsRefused || finding.code === unreachable) break;
      }
      return findings;
    },
  };
}

const credentialsRefused = 'mes-credentials-refused';
const unreachable = 'mes-unreachable';

async function checkTable(path: string, transport: Transport): Promise<Finding> {
  const where = `mes ${path.split('/').at(-1)}`;
  try {
    const answer = readAnswer(await transport.request({ method: 'GET', path: `${path}?limit=1` }), `GET ${path}`);
    if (answer.data !== undefined)
      return { code: 'mes-reachable', level: 'ok', where, text: 'The endpoint answers.', todo: '' };
    if (answer.status === 404) {
      const text = `There is no endpoint ${path} (HTTP 404 ${answer.message}).`;
      return {
        code: 'mes-endpoint-missing',
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
    const refused = error instanceof PermanentError;
    return {
      code: refused ? credentialsRefused : unreachable,
      level: 'error',
      where,
      text: messageOf(error),
      todo: refused
        ? 'Correct mes.apiKey in the config file.'
        : 'Check mes.url, mes.proxy and mes.tls, and that this machine can reach the MES.',
    };
  }
}
