import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { createPlanRuns, type PlanRuns } from '../../../src/connectors/frepple/plan-runs.ts';
import { createTaskList, type Task } from '../../../src/connectors/frepple/tasks.ts';
import { createServerTimes } from '../../../src/connectors/frepple/times.ts';
import type { DrfClient } from '../../../src/connectors/protocols/drf/client.ts';
import { PermanentError, WaitError } from '../../../src/core/errors.ts';
import type { EventBus } from '../../../src/core/events.ts';
import { createHastyClock, createStrictBus, type HastyClock, never } from '../../support/connector-context.ts';

const started = '2026-11-20 23:00:00.123456';
const done: Task = { name: 'runplan', started, finished: '2026-11-20 23:20:00', status: 'Done' };
const underWay: Task = { ...done, finished: 'None', status: '35%' };
const waiting: Task = { ...underWay, started: 'None', status: 'Waiting' };

let clock: HastyClock;
let tasks: Map<number, Task>;
let serverNow: Date;
let requests: number;
/** What the server says in place of its tasks. */
let refusal: Error | undefined;
let events: EventBus;
let said: unknown[];

/** The list of tasks as the real one answers: without ids what is not finished, else what there is of them. */
async function document(path: string): Promise<unknown> {
  requests += 1;
  if (refusal !== undefined) throw refusal;
  const ids = [...path.matchAll(/id=(\d+)/g)].map(([, id]) => Number(id));
  const isOpen = ({ finished, status }: Task) => finished === 'None' && status !== 'Canceled';
  if (ids.length === 0) return Object.fromEntries([...tasks].filter(([, task]) => isOpen(task)));
  return Object.fromEntries(ids.filter((id) => tasks.has(id)).map((id) => [id, tasks.get(id)]));
}

function open(client = { document } as Partial<DrfClient> as DrfClient): PlanRuns {
  return createPlanRuns({
    name: 'plant',
    events,
    tasks: createTaskList(client, 'plant'),
    clock,
    serverNow: () => serverNow,
    times: createServerTimes('Europe/Brussels'),
    planTasks: ['runplan', 'restore'],
    longestHours: 12,
  });
}

/** Longer than what was seen counts as fresh. */
const later = () => clock.pass(10_000);

beforeEach(() => {
  clock = createHastyClock();
  tasks = new Map();
  serverNow = new Date('2026-11-20T22:30:00Z');
  requests = 0;
  refusal = undefined;
  events = createStrictBus();
  said = [];
  events.on('stream:degraded', (fields) => said.push(fields));
});

describe('the edition of a FrePPLe', () => {
  it('is that of its last plan run, for whoever asks anew too', async () => {
    tasks.set(7, done).set(8, { ...done, name: 'exportworkbook' });
    expect(await open().edition(never)).toBe('7');
    expect(await open().edition(never)).toBe('7');
  });

  it('changes with a plan run that came and went between two looks, and with no other task', async () => {
    const runs = open();
    expect(await runs.edition(never)).toBe('0');
    tasks.set(1, { ...done, name: 'exporttofolder' });
    later();
    expect(await runs.edition(never)).toBe('0');
    tasks.set(2, done);
    later();
    expect(await runs.edition(never)).toBe('2');
  });

  it('is not told while one is under way, and is another one when it has ended, however it did', async () => {
    for (const end of [done, { ...done, status: 'Failed' }, { ...underWay, status: 'Canceled' }]) {
      const id = tasks.size + 1;
      const runs = open();
      const before = await runs.edition(never);
      tasks.set(id, waiting);
      later();
      expect(await runs.edition(never)).toBe(before);
      tasks.set(id, underWay);
      later();
      await expect(runs.edition(never)).rejects.toThrow(WaitError);
      await expect(runs.edition(never)).rejects.toThrow(/^plant: FrePPLe is at its task runplan \(35%\)\./);
      tasks.set(id, end);
      later();
      expect(await runs.edition(never)).toBe(`${id}`);
    }
  });

  it('does not wait for a task that has been at it for longer than any takes', async () => {
    tasks.set(3, underWay);
    serverNow = new Date('2026-11-21T09:59:00Z');
    await expect(open().edition(never)).rejects.toThrow(WaitError);
    serverNow = new Date('2026-11-21T10:01:00Z');
    expect(await open().edition(never)).toBe('0');
  });

  it('is looked for once for streams that begin in a row', async () => {
    const runs = open();
    await runs.edition(never);
    const before = requests;
    await runs.edition(never);
    expect(requests).toBe(before);
    later();
    await runs.edition(never);
    expect(requests).toBe(before + 2);
  });

  it('is found behind any number of tasks, with gaps between them, in a few requests', async () => {
    const anyIds = fc.record({
      last: fc.integer({ min: 1, max: 30_000 }),
      gaps: fc.array(fc.nat(18), { maxLength: 40 }),
    });
    await fc.assert(
      fc.asyncProperty(anyIds, async ({ last, gaps }) => {
        tasks = new Map();
        requests = 0;
        let id = last;
        for (const gap of [0, ...gaps]) {
          tasks.set(id, { ...done, name: 'exporttofolder' });
          id -= gap + 1;
        }
        // Tasks of all times before.
        for (; id > 0; id -= 1) tasks.set(id, { ...done, name: 'backup' });
        tasks.set(last, done);
        expect(await open().edition(never)).toBe(`${last}`);
        expect(requests).toBeLessThan(60);
      }),
      { numRuns: 30 },
    );
  });

  it('is found also where the server answers any id with all its tasks', async () => {
    const client = { document: async () => ({ 7: done }) } as Partial<DrfClient> as DrfClient;
    expect(await open(client).edition(never)).toBe('7');
  });

  it('is any where the list of tasks is not for us, which is asked again by the next pass', async () => {
    refusal = new PermanentError('HTTP 403');
    const runs = open();
    expect(await runs.edition(never)).toBe('any');
    expect(await runs.edition(never)).toBe('any');
    expect(requests).toBe(1);
    later();
    expect(await runs.edition(never)).toBe('any');
    expect(requests).toBe(2);
    refusal = undefined;
    tasks.set(4, underWay);
    later();
    await expect(runs.edition(never)).rejects.toThrow(/is at its task runplan/);
  });

  it('stays what it was while the list is refused, and tells afterwards of a plan run that went by meanwhile', async () => {
    tasks.set(4, done);
    const runs = open();
    expect(await runs.edition(never)).toBe('4');
    for (const edition of ['4', '5']) {
      refusal = new PermanentError('HTTP 404');
      later();
      expect(await runs.edition(never)).toBe('4');
      refusal = undefined;
      tasks.set(Number(edition), done);
      later();
      expect(await runs.edition(never)).toBe(edition);
    }
  });

  it('waits for a plan run that was under way when the list was refused', async () => {
    const runs = open();
    await runs.edition(never);
    tasks.set(1, underWay);
    later();
    await expect(runs.edition(never)).rejects.toThrow(WaitError);
    refusal = new PermanentError('HTTP 404');
    later();
    await expect(runs.edition(never)).rejects.toThrow(WaitError);
    serverNow = new Date('2026-11-21T10:01:00Z');
    later();
    expect(await runs.edition(never)).toBe('0');
  });

  it('is any where the list of tasks refuses the credentials, and then it is asked again', async () => {
    refusal = new PermanentError('HTTP 401', { credentials: true });
    const runs = open();
    expect(await runs.edition(never)).toBe('any');
    refusal = undefined;
    tasks.set(4, done);
    later();
    expect(await runs.edition(never)).toBe('4');
  });

  it.each([[], 'text', { message: 'Exception launching task: no' }, { 1: 'runplan' }])(
    'is not made of %j',
    async (answer) => {
      const client = { document: async () => answer } as Partial<DrfClient> as DrfClient;
      const list = createTaskList(client, 'plant');
      if (Array.isArray(answer))
        return expect(await list.underWay(never).catch((error: Error) => error.name)).toBe('TransientError');
      return expect(list.underWay(never)).rejects.toThrow(/answered with something else than tasks/);
    },
  );
});

describe('what was read', () => {
  it('counts when no plan run was under way or went by meanwhile', async () => {
    const runs = open();
    const before = await runs.edition(never);
    await runs.requireSame(before, never);
    tasks.set(1, underWay);
    await expect(runs.requireSame(before, never)).rejects.toThrow(/is at its task runplan/);
    tasks.set(1, done);
    await expect(runs.requireSame(before, never)).rejects.toThrow(/has rewritten its tables while they were read/);
    await runs.requireSame('1', never);
  });

  it('does not count where the list of tasks was refused before or behind it only', async () => {
    const runs = open();
    const before = await runs.edition(never);
    refusal = new PermanentError('HTTP 404');
    const cannotTell = /^plant: FrePPLe showed its list of tasks either only before or only after its tables were read/;
    await expect(runs.requireSame(before, never)).rejects.toThrow(cannotTell);
    await runs.requireSame(await runs.edition(never), never);
    refusal = undefined;
    await expect(runs.requireSame(before, never)).rejects.toThrow(cannotTell);
    await runs.requireSame(await runs.edition(never), never);
  });

  it.each([{}, { credentials: true }])(
    'counts where the list of tasks was refused before and behind it, which is said once %j',
    async (how) => {
      const runs = open();
      for (const times of [1, 2]) {
        refusal = new PermanentError('HTTP 403.', how);
        for (let pass = 0; pass < 3; pass += 1) {
          later();
          await runs.requireSame(await runs.edition(never), never);
        }
        expect(said).toHaveLength(times);
        refusal = undefined;
        later();
        await runs.requireSame(await runs.edition(never), never);
      }
      expect(said[0]).toEqual({
        stream: 'plant',
        reason: expect.stringMatching(/^HTTP 403\. .*\/execute\/api\/status\//),
      });
    },
  );
});
