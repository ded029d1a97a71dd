import { describe, expect, it } from 'vitest';
import { Database } from '../../sandbox/odoo/database.ts';
import type { Version } from '../../sandbox/odoo/errors.ts';
import { modelsOf } from '../../sandbox/odoo/models.ts';
import { answer, type Server } from '../../sandbox/odoo/server.ts';
import {
  accountsOf,
  fillExtras,
  loadSection,
  notReplayed,
  type Recorded,
  recordedRun,
  startSection,
} from '../support/odoo-recorded.ts';

function serverOf(version: Version): Server {
  const database = new Database(modelsOf(version, []));
  fillExtras(database, version);
  const accounts = accountsOf(version);
  for (const { id, keys } of accounts) {
    const [key] = keys;
    if (key === undefined) continue;
    const expiration_date = key.expiresAt === null ? null : '2026-12-20 22:17:46';
    const row = { id: key.id, name: key.name, user_id: id, scope: 'rpc', create_date: key.createdAt, expiration_date };
    database.apply({ model: 'res.users.apikeys', row: { ...row, write_date: null } });
  }
  const now = (): number => Date.UTC(2026, 10, 20, 22, 30);
  return { database, name: `odoo${version}`, version, accounts, now, failures: [], wrote: () => undefined };
}

/** An actual answer as it is compared: its traceback and what follows a cut left out. */
function recordedForm(body: string, recorded: string): string {
  const timeless = body.replace(/"debug": "(?:[^"\\]|\\.)*"/, '"debug": "(server traceback)"').trim();
  return recorded.endsWith('…') ? `${timeless.slice(0, recorded.length - 1)}…` : timeless;
}

function replay(server: Server, recorded: Recorded): object {
  const { method, path, headers, body } = recorded;
  const reply = answer({ method, path, query: '', headers, body }, server);
  return {
    status: reply.status,
    type: reply.headers?.['content-type'],
    body: recordedForm(reply.body, recorded.answer),
  };
}

describe.each([17, 19] as const)('the exchanges recorded from Odoo %i.0', (version) => {
  const server = serverOf(version);
  const run = recordedRun(version);
  const sections = [...new Set(run.map(({ section }) => section))];

  it.each(sections)('of section %s are answered to the byte', (section) => {
    const exchanges = run.filter((recorded) => recorded.section === section);
    startSection(server.database, section, version);
    loadSection(server.database, exchanges);
    for (const recorded of exchanges) {
      const { title, body, status, contentType } = recorded;
      if (Object.keys(notReplayed).some((start) => title.startsWith(start))) continue;
      const where = { title, request: body };
      expect({ ...where, ...replay(server, recorded) }).toEqual({
        ...where,
        status,
        type: contentType,
        body: recorded.answer.trim(),
      });
    }
  });
});
