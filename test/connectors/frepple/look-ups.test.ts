import { describe, expect, it } from 'vitest';
import { type IsCell, readPartLookUps, readStepLookUps } from '../../../src/connectors/frepple/look-ups.ts';
import type { DrfClient, DrfList } from '../../../src/connectors/protocols/drf/client.ts';
import { never } from '../../support/connector-context.ts';

type Row = Record<string, unknown>;

function clientOf(lists: Readonly<Record<string, Row[]>>): DrfClient {
  return {
    async list({ path }): Promise<DrfList> {
      const rows = lists[path.split('/').at(-2) ?? ''] ?? [];
      return {
        length: rows.length,
        *pages() {
          yield rows;
        },
      };
    },
    document: async () => ({}),
    now: () => undefined,
  };
}

const resources: Row[] = [
  { name: 'operators' },
  { name: 'Antonio', owner: 'operators' },
  { name: 'saw', category: 'production' },
  { name: 'jig', subcategory: 'tool' },
  { name: 'hen', owner: 'egg' },
  { name: 'egg', owner: 'hen' },
];
const isTop: IsCell = ({ owner, subcategory }) => !owner && subcategory !== 'tool';

async function cellOf(needs: Row[], isCell: IsCell = isTop, otherwise?: string): Promise<string | undefined> {
  const operationresource = needs.map((need, index) => ({ id: index + 1, operation: 'Cut', priority: 1, ...need }));
  const client = clientOf({ resource: resources, operationresource });
  return (await readStepLookUps({ client, isCell, otherwise }, never)).cells.get('Cut');
}

describe('the cell of an operation', () => {
  it.each<[string, Row[], string | undefined]>([
    ['the resource that it needs', [{ resource: 'saw' }], 'saw'],
    ['the pool of the one that it needs', [{ resource: 'Antonio' }], 'operators'],
    [
      'of several, that of the lowest priority',
      [{ resource: 'saw', priority: 2 }, { resource: 'operators' }],
      'operators',
    ],
    [
      'of equal ones, that which was put down first',
      [
        { resource: 'saw', id: 9 },
        { resource: 'operators', id: 4 },
      ],
      'operators',
    ],
    ['not a tool', [{ resource: 'jig' }, { resource: 'saw', priority: 5 }], 'saw'],
    ['none where it needs none', [], undefined],
    ['none where there is no such resource', [{ resource: 'gone' }], undefined],
    ['none in a hierarchy that runs in a circle', [{ resource: 'hen' }], undefined],
    ['no matter that a row cannot be read', [{ resource: 7 }, { resource: 'saw' }], 'saw'],
  ])('is %s', async (_what, needs, cell) => {
    expect(await cellOf(needs)).toBe(cell);
  });

  it('is the nearest one above, where the config says which are', async () => {
    const isCell: IsCell = ({ name, category }) => category === 'production' || name === 'Antonio';
    expect(await cellOf([{ resource: 'Antonio' }], isCell)).toBe('Antonio');
  });

  it.each(['gone', 'Antonio', 'jig'])('for all others must be a cell, which %s is not', async (otherwise) => {
    await expect(cellOf([], isTop, otherwise)).rejects.toThrow(
      `cells.otherwise names "${otherwise}", which FrePPLe does not list`,
    );
  });
});

it('cells are refused that no resource is, and not missed where there are no resources yet', async () => {
  const read = (resource: Row[]) =>
    readStepLookUps({ client: clientOf({ resource }), isCell: () => false, otherwise: undefined }, never);
  await expect(read(resources)).rejects.toThrow(
    /^cells: none of the 6 resources that FrePPLe lists is a cell.*Set cells\.categories or cells\.subcategories/,
  );
  expect((await read([])).cells.size).toBe(0);
});

it('demands and operations are looked up by name', async () => {
  const client = clientOf({
    demand: [
      { name: 'SO-1' },
      { name: 'SO-2', status: 'quote' },
      { name: 'SO-3', status: 'canceled', category: 'A', plan: {} },
      {},
    ],
    operation: [{ name: 'Cut', priority: 2 }, { priority: 3 }],
  });
  const demandNames = async () => ['name', 'status', 'category', 'absent'];
  const { demands, operations, over } = await readPartLookUps({ client, demandNames }, never);
  expect([...demands]).toEqual(['SO-1', 'SO-2', 'SO-3']);
  expect([...over.values()]).toEqual([{ name: 'SO-3', status: 'canceled', category: 'A' }]);
  expect(operations.get('Cut')).toMatchObject({ priority: 2 });
  expect(operations.size).toBe(1);
});
