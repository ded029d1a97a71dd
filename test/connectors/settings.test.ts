import { describe, expect, it } from 'vitest';
import { connectors } from '../../src/connectors/index.ts';
import { readTls } from '../../src/connectors/settings.ts';
import { sapSettings } from '../support/sap-rows.ts';

describe('settings', () => {
  it('need no more than type, url, auth and external source', async () => {
    expect(await sapSettings()).toMatchObject({
      language: 'EN',
      odata: 'v2',
      maxConcurrency: 1,
      rate: { requestsPerSecond: 2, burst: 4 },
      timeoutSeconds: 120,
      maxResponseMegabytes: 32,
      settleSeconds: 120,
      standardValues: { setup: 1, perPiece: [2], baseQuantity: 1 },
      streams: {},
    });
  });

  it.each([
    ['odoo', { maxConcurrency: 2 }],
    ['frepple', { maxConcurrency: 2 }],
    ['sap', { streams: { equipment: { sweepEverySeconds: 900 } } }],
    ['odoo', { streams: { equipment: { sweepEverySeconds: 900 } } }],
    ['netsuite', { streams: { 'sales-orders': { sweepEverySeconds: 900 } } }],
    ['netsuite', { streams: { 'work-centers': { stampKind: 'none' } } }],
    ['netsuite', { streams: { 'operation-tasks': { relatedChanges: false } } }],
    ['frepple', { streams: { resources: { overlapSeconds: 900 } } }],
    ['frepple', { streams: { demands: { settleSeconds: 900 } } }],
  ])('of %s refuse what would have no effect: %j', async (name, own) => {
    const connector = connectors.find(({ type }) => type === name);
    const issues = (await connector?.settings.safeParseAsync({ type: name, ...own }))?.error?.issues;
    const [key] = Object.keys(Object.values('streams' in own ? own.streams : {})[0] ?? own);
    expect(issues).toContainEqual(expect.objectContaining({ code: 'unrecognized_keys', keys: [key] }));
  });

  it.each([
    [{ url: 'ftp://s4.example' }, 'is not an http or https URL'],
    [{ url: 's4.example' }, 'is not an http or https URL'],
    [{ url: 'https://user:pass@s4.example' }, 'must not contain credentials; use auth'],
    [{ timeZone: 'Mars/Olympus' }, 'is not a time zone; use an IANA name such as Europe/Amsterdam'],
    [{ plantTimeZones: { 1710: 'Nowhere' } }, 'is not a time zone'],
    [{ auth: { kind: 'basic', username: 'X', password: 'abc' } }, 'is too short for a secret (at least 4 characters)'],
    [{ auth: { kind: 'magic' } }, 'Invalid'],
    [{ externalSource: '' }, 'use letters, digits, space'],
    [{ sapClient: '1000' }, 'sapClient'],
    [{ language: 'en' }, 'language'],
    [{ tls: { certFile: 'a.pem' } }, 'certFile and keyFile go together'],
    [{ surprise: 1 }, 'surprise'],
    [{ streams: { surprise: {} } }, 'surprise'],
    [{ streams: { operations: { surprise: 1 } } }, 'surprise'],
    [{ streams: { operations: { pageSize: 5001 } } }, 'pageSize'],
    [{ streams: { operations: { path: 'no-slash' } } }, 'path'],
    [{ streams: { operations: { key: [] } } }, 'key'],
  ])('refuse %j', async (own, text) => {
    await expect(sapSettings(own)).rejects.toThrow(text);
  });

  it('read no files where no TLS files are named', () => {
    expect(readTls(undefined)).toBeUndefined();
    expect(readTls({})).toEqual({});
    expect(() => readTls({ caFile: '/nowhere/ca.pem' })).toThrow(/ENOENT.*\/nowhere\/ca\.pem/);
  });
});
