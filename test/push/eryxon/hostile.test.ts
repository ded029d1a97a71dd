import { describe, expect, it } from 'vitest';
import { tables } from '../../../sandbox/types.ts';
import { createPusher } from '../../../src/push/pusher.ts';
import type { CountedTransport } from '../../../src/push/transport.ts';
import { startMes } from '../../support/eryxon-mes.ts';
import { change, ledger, record } from '../../support/push-builders.ts';

const signal = new AbortController().signal;
const { lookup } = ledger();
const generations = ['classic', 'main', 'v060', 'repaired'] as const;

/** Ids and texts that an ERP may hold by accident or on purpose. */
const hostile = [
  '__proto__',
  'constructor',
  'a\r\nX-API-Key: stolen',
  "'; DROP TABLE jobs; --",
  'a,b),id.eq.(c',
  '=HYPERLINK("http://x")',
  '../../api-cells?id=1',
  '%2e%2e%2f%00',
  'a&status=done#x?y',
  '"quoted" \\back',
  'ä €😀',
  '*',
];

describe.each(generations)('hostile ids and texts at an Eryxon of generation %s', (generation) => {
  it('arrive as they are, one record each, or are refused by name: nothing else happens', async () => {
    const { mes, pusher } = await startMes({ generation });
    const page = [
      change(record('job', 'plain')),
      change(record('cell', 'plain')),
      ...hostile.flatMap((text) => [
        change(record('job', text, { fields: { job_number: `J ${text}`, customer: text } })),
        change(record('cell', text, { fields: { name: `C ${text}`, active: true } })),
        change(record('resource', text)),
      ]),
    ];
    const { outcomes, failure } = await pusher.push(page, { lookup }, signal);
    expect(failure).toBeUndefined();
    const image = mes.image();
    for (const outcome of outcomes) {
      const { entity, externalId } = outcome.change.record;
      const held = image[`${entity}s` as 'jobs'].get(externalId);
      if (outcome.kind === 'delivered') expect(held, `${entity}/${externalId}`).toBeDefined();
      else expect([outcome.kind, held, externalId], externalId).toEqual(['refused', undefined, externalId]);
    }
    expect(outcomes).toHaveLength(page.length);
    expect(outcomes.filter(({ kind }) => kind === 'delivered').length).toBeGreaterThan(page.length / 2);
    const wanted = new Set(['plain', ...hostile]);
    for (const table of tables) for (const id of image[table].keys()) expect(wanted.has(id), id).toBe(true);
    for (const text of hostile) {
      const held = image.jobs.get(text);
      if (held !== undefined) expect(held.fields).toMatchObject({ job_number: `J ${text}`, customer: text });
    }
  });

  it.each([
    ['of 20 000 characters', 'x'.repeat(20_000)],
    ['of a million characters', 'x'.repeat(1_000_000)],
    ['with half a surrogate pair', 'a\ud800b'],
    ['with a NUL', 'a\u0000b'],
  ])('an id %s is delivered or set aside, and the records beside it are delivered', async (_what, id) => {
    const { mes, pusher } = await startMes({ generation });
    const page = ['one', id, 'two'].map((each, index) =>
      change(record('job', each, { fields: { job_number: `J${index}`, customer: null } })),
    );
    const { outcomes, failure } = await pusher.push(page, { lookup }, signal);
    expect(failure).toBeUndefined();
    const kinds = new Map(outcomes.map((outcome) => [outcome.change.record.externalId, outcome.kind]));
    expect(kinds.get('one')).toBe('delivered');
    expect(kinds.get('two')).toBe('delivered');
    expect(['delivered', 'refused']).toContain(kinds.get(id));
    expect(mes.image().jobs.has('one') && mes.image().jobs.has('two')).toBe(true);
  });

  it('beside a record that the MES refuses with all that goes with it, each is refused by name and the others go on', async () => {
    const { mes, sink, transport } = await startMes({ generation });
    const body = '{"success":false,"error":{"code":"VALIDATION_ERROR","message":"no such customer"}}';
    let requests = 0;
    const openTransport = (): CountedTransport => ({
      requests: () => requests,
      async request(request) {
        requests += 1;
        if (request.body?.includes('Nobody')) return { status: 400, headers: {}, text: body };
        return transport.request(request);
      },
    });
    const pusher = createPusher({ sink, openTransport, batchSize: 100, maxConcurrency: 1 });
    const job = (id: string, customer: string) =>
      change(record('job', id, { fields: { job_number: `J ${id}`, customer } }));
    const page = [job('a', 'x'), job('nul', 'x\u0000'), job('bad', 'Nobody'), job('half', 'x\ud800'), job('c', 'x')];
    const { outcomes, failure } = await pusher.push(page, { lookup }, signal);
    expect(failure).toBeUndefined();
    const found = outcomes.map((outcome) => [
      outcome.change.record.externalId,
      outcome.kind === 'refused' ? outcome.reason : outcome.kind,
    ]);
    expect(Object.fromEntries(found)).toEqual({
      a: 'delivered',
      nul: expect.stringContaining('NUL character'),
      bad: expect.stringContaining('no such customer'),
      half: expect.stringContaining('half a surrogate pair'),
      c: 'delivered',
    });
    expect(found).toHaveLength(5);
    expect([...mes.image().jobs.keys()].sort()).toEqual(['a', 'c']);
  });

  it.each([
    ['NUL', 'a\u0000b', 'holds a NUL character'],
    ['half a surrogate pair', 'a\ud800b', 'holds half a surrogate pair'],
  ])('a text with %s is refused by name, without a request, wherever it stands', async (_what, text, reason) => {
    const { mes, pusher } = await startMes({ generation });
    const page = [
      change(record('job', text)),
      change(record('job', 'x', { fields: { job_number: 'X', customer: text } })),
    ];
    const { outcomes, requests } = await pusher.push(page, { lookup }, signal);
    const told = outcomes.map((outcome) => (outcome.kind === 'refused' ? outcome.reason : outcome.kind));
    expect(told).toEqual([`external_id ${reason}`, `customer ${reason}`].map((each) => expect.stringContaining(each)));
    expect({ requests, jobs: mes.counts().jobs }).toEqual({ requests: 0, jobs: 0 });
  });
});
