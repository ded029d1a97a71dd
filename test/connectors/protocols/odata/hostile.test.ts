import { pipeline } from 'node:stream/promises';
import { describe, expect, it } from 'vitest';
import { readCollection } from '../../../../src/connectors/protocols/odata/json.ts';
import { PermanentError } from '../../../../src/core/errors.ts';
import { clientOf, failureOf, never, serveHttp } from '../../../support/loopback.ts';

const json = { 'content-type': 'application/json;charset=utf-8' };
const get = { method: 'GET', path: '/' } as const;
const megabyte = 1_048_576;
/** Memory that a refused answer may cost, in kilobytes, as `maxRSS` counts. */
const allowed = 64 * 1024;

describe('an answer', () => {
  it('of 100 MB is refused at the cap, announced or not, in bounded memory', async () => {
    const piece = Buffer.alloc(megabyte, 'x');
    for (const announced of [true, false]) {
      const server = await serveHttp(async (_request, response) => {
        response.writeHead(200, announced ? { ...json, 'content-length': 100 * megabyte } : json);
        await pipeline(Array(100).fill(piece), response).catch(() => undefined);
      });
      const before = process.resourceUsage().maxRSS;
      const { error } = await failureOf(clientOf(server.origin, { maxBytes: 10 * megabyte }).request(get, never));
      expect(error).toBeInstanceOf(PermanentError);
      expect(process.resourceUsage().maxRSS - before).toBeLessThan(allowed);
    }
  });

  it('with one field of 10 MB is read, and its neighbours with it', async () => {
    const rows = [{ Id: '1' }, { Id: '2', Text: 'x'.repeat(10 * megabyte) }, { Id: '3' }];
    const server = await serveHttp((_request, response) => {
      response.writeHead(200, json);
      response.end(JSON.stringify({ d: { results: rows } }));
    });
    const answer = await clientOf(server.origin, { maxBytes: 64 * megabyte }).request(get, never);
    expect(readCollection(answer, 'plant-1: /Set').rows).toEqual(rows);
  });

  it('that names a property twice means the last one, and no other row changes', () => {
    const text = '{"d":{"results":[{"Id":"1","Id":"2"},{"Id":"3"}],"results":[{"Id":"4","Id":"5"},{"Id":"6"}]}}';
    const { rows } = readCollection({ status: 200, headers: json, text }, 'plant-1: /Set');
    expect(rows).toEqual([{ Id: '5' }, { Id: '6' }]);
  });
});
