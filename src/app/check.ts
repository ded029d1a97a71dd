import { checkOverlaps, collectFields } from '../connectors/session-check.ts';
import { messageOf } from '../core/errors.ts';
import { type Entity, entities, type Finding } from '../core/types.ts';
import type { Booking } from '../push/day-quota.ts';
import { waits } from '../push/eryxon/findings.ts';
import { createEryxonSink } from '../push/eryxon/index.ts';
import { createEryxonRemover } from '../push/eryxon/remove.ts';
import { openMes, openSession, type SystemOptions } from './systems.ts';

/** Asks every ERP and the MES, changes nothing and needs no state: the daemon may run beside it. */
export async function checkSystems(
  options: SystemOptions & { booking: Booking },
  signal: AbortSignal,
): Promise<Finding[]> {
  const findings: Finding[] = [];
  const mapped = new Map<Entity, Set<string>>();
  for (const [name, settings] of Object.entries(options.config.connectors)) {
    const session = openSession(name, settings, options);
    const own = await session.check(signal).catch((error: unknown) => [unchecked(name, error)]);
    findings.push(...checkOverlaps(session), ...own);
    const readable = new Set(own.filter(({ level }) => level === 'ok').map(({ where }) => where));
    const streams = session.streams.filter((stream) => readable.has(`${name}/${stream.name}`));
    await collectFields(streams, mapped, signal);
    session.close();
  }
  const mes = openMes(options, options.booking);
  const sink = createEryxonSink(options.config.mes.url);
  findings.push(...(await sink.check(mes.openTransport(signal, 'operator'), mapped)));
  const deleted = entities.filter((entity) =>
    Object.values(options.config.connectors).some(({ deletes }) => deletes[entity] === 'delete'),
  );
  if (deleted.length > 0 && !findings.some(({ code }) => code === waits)) {
    const remover = createEryxonRemover(options.config.mes.url, mes.openTransport, options);
    findings.push(...(await remover.check(deleted, signal)));
  }
  mes.close();
  return findings;
}

function unchecked(where: string, error: unknown): Finding {
  return { code: 'check-failed', level: 'error', where, text: messageOf(error), todo: 'See the text.' };
}
