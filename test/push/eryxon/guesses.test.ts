import { describe, expect, it } from 'vitest';
import { createEryxonSink } from '../../../src/push/eryxon/index.ts';
import { classicMes, startMes } from '../../support/eryxon-mes.ts';
import { ready, record } from '../../support/push-builders.ts';

describe('the requests that a plan counts', () => {
  it.each(['classic', 'v060', 'main', 'repaired'] as const)(
    'are a guess until the MES was asked: %s',
    async (generation) => {
      const { mes, transport } = await startMes({ generation });
      const sink = createEryxonSink(`${mes.url}/functions/v1`);
      expect((await sink.guesses()).map(({ code }) => code)).toEqual(['mes-never-asked']);
      expect(mes.requests().total).toBe(0);
      await sink.deliver({ entity: 'job', changes: [ready(record('job', '1'))] }, transport);
      expect((await sink.guesses()).map(({ code }) => code)).toEqual(
        generation === 'classic' ? ['status-in-bulk'] : [],
      );
    },
  );

  it.each([true, false])(
    'are none once a documented MES has shown what it does with a status: lost %j',
    async (released) => {
      const { mes, transport } = await startMes({ released });
      const sink = createEryxonSink(`${mes.url}/functions/v1`, classicMes('bulk', `${mes.url}/functions/v1`));
      const [first] = await sink.deliver({ entity: 'job', changes: [ready(record('job', '1'))] }, transport);
      const mesId = first?.kind === 'delivered' ? first.mesId : null;
      const gone = ready(record('job', '1', { lifecycle: 'cancelled' }), { mesId });
      await sink.deliver({ entity: 'job', changes: [gone] }, transport);
      expect(await sink.guesses()).toEqual([]);
    },
  );
});
