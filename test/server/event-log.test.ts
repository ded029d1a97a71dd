import { describe, expect, it } from 'vitest';
import { createEventBus, type StreamResult, zeroCounts } from '../../src/core/events.ts';
import type { LogFields, Logger } from '../../src/core/logger.ts';
import { reportEvents } from '../../src/server/event-log.ts';

function begin() {
  const lines: { level: string; message: string; fields: LogFields }[] = [];
  const write =
    (level: string) =>
    (message: string, fields: LogFields = {}) =>
      void lines.push({ level, message, fields });
  const [error, warn, info, debug] = ['error', 'warn', 'info', 'debug'].map(write) as [
    Logger['error'],
    Logger['warn'],
    Logger['info'],
    Logger['debug'],
  ];
  const events = createEventBus((thrown) => {
    throw thrown;
  });
  reportEvents(events, { error, warn, info, debug, close: async () => undefined });
  return { events, lines };
}

const result: StreamResult = {
  ...zeroCounts(),
  read: 3,
  connector: 'plant',
  stream: 'orders',
  outcome: 'ok',
  requests: { erp: 1, mes: 0 },
  watermark: { before: 'a', after: 'b' },
  durationMs: 5,
};

describe('the log of events', () => {
  it('is one line a stream and pass when all is well, whatever the number of pages', () => {
    const { events, lines } = begin();
    events.emit('cycle:started', { connector: 'plant' });
    for (let each = 0; each < 5; each += 1)
      events.emit('page:committed', { stream: 'plant/orders', counts: zeroCounts() });
    events.emit('request:done', { system: 'erp', name: 'plant', status: 200, durationMs: 1 });
    events.emit('stream:finished', { result });
    events.emit('cycle:finished', { connector: 'plant', results: [result], durationMs: 5 });
    const { connector: _connector, ...shown } = result;
    expect(lines).toEqual([
      { level: 'info', message: 'Pass finished.', fields: { ...shown, stream: 'plant/orders', watermark: 'b' } },
    ]);
  });

  it('is an error line with its cause when a pass failed', () => {
    const { events, lines } = begin();
    events.emit('stream:finished', { result: { ...result, outcome: 'failed', error: 'HTTP 503' } });
    expect(lines[0]).toMatchObject({ level: 'error', message: 'Pass failed.', fields: { error: 'HTTP 503' } });
  });

  it('has a constant sentence for everything that somebody may have to act on, details in the fields', () => {
    const { events, lines } = begin();
    events.emit('cycle:failed', { connector: 'plant', error: new Error('no route') });
    events.emit('record:refused', { stream: 'plant/orders', key: 'job/1', reason: 'bad date' });
    events.emit('record:left-on-hold', { stream: 'plant/orders', entity: 'job', externalId: '1' });
    events.emit('absence:withheld', { stream: 'plant/orders', vanished: 27 });
    events.emit('stamp:in-future', { stream: 'plant/orders', stamp: '2999-01-01T00:00:00.000Z' });
    events.emit('credentials:unwatched', { connector: 'plant', what: 'API key "mes"', reason: 'there is none' });
    events.emit('mes:nesting-rests', { until: '2026-03-01T08:00:00.000Z', reason: 'Job limit reached' });
    events.emit('schedule:caught-up', { connector: 'plant', missedAt: '2026-03-01T08:00:00.000Z' });
    events.emit('mes:moved', { before: 'https://test.example', now: 'https://plant.example' });
    const warnings = Array.from({ length: 5 }, () => 'warn');
    expect(lines.map(({ level }) => level)).toEqual(['error', 'warn', 'warn', 'error', ...warnings]);
    expect(lines[0]?.fields).toEqual({ connector: 'plant', error: 'no route' });
    for (const { message, fields } of lines) {
      expect(message).toMatch(/^[A-Z][^0-9:]*\.$/);
      expect(Object.keys(fields).length).toBeGreaterThan(0);
    }
  });

  it('tells repeated requests only to those who ask for details', () => {
    const { events, lines } = begin();
    events.emit('request:retried', { system: 'mes', name: 'mes', attempt: 1, waitMs: 500, error: 'HTTP 503' });
    expect(lines.map(({ level }) => level)).toEqual(['debug']);
  });
});
