/** What a query may name. Numbers are stored as numbers, days as `YYYY-MM-DD`, timestamps as milliseconds. */
export interface Column {
  name: string;
  /** `any` for columns of a query in the place of a table. */
  type: 'number' | 'text' | 'date' | 'timestamp' | 'any';
  /** The row's own key, in whose order tables are kept. */
  key?: true;
  /** Rows with a certain value are found without a walk. */
  indexed?: true;
  /** Table whose rows the value names. */
  refers?: string;
  /** Its letters have names in each language. */
  status?: true;
}

export interface Table {
  name: string;
  columns: ReadonlyMap<string, Column>;
}

type Kind = Omit<Column, 'name'>;

const number: Kind = { type: 'number' };
const text: Kind = { type: 'text' };
const day: Kind = { type: 'date' };
const stamp: Kind = { type: 'timestamp' };
const key: Kind = { type: 'number', key: true };
const to = (refers: string): Kind => ({ type: 'number', indexed: true, refers });

function table(name: string, columns: Record<string, Kind>): [string, Table] {
  const named = Object.entries(columns).map(([column, kind]): [string, Column] => [column, { name: column, ...kind }]);
  return [name, { name, columns: new Map(named) }];
}

const links = {
  previousdoc: to('transaction'),
  previousline: number,
  previoustype: text,
  nextdoc: to('transaction'),
  nextline: number,
  nexttype: text,
  linktype: text,
  lastmodifieddate: stamp,
};

/** Columns of records that a query cannot see, `built` and `quantitybuilt` among them, are simply not here. */
const all = new Map<string, Table>([
  table('transaction', {
    id: key,
    type: text,
    tranid: text,
    externalid: text,
    entity: to('customer'),
    otherrefnum: text,
    trandate: day,
    duedate: day,
    shipdate: day,
    startdate: day,
    enddate: day,
    status: { type: 'text', status: true },
    memo: text,
    createddate: stamp,
    lastmodifieddate: stamp,
  }),
  table('transactionline', {
    uniquekey: key,
    transaction: to('transaction'),
    id: number,
    linesequencenumber: number,
    mainline: text,
    taxline: text,
    item: to('item'),
    quantity: number,
    rate: number,
    quantityshiprecv: number,
    quantitybilled: number,
    isclosed: text,
    expectedshipdate: day,
    location: to('location'),
    createdfrom: to('transaction'),
    memo: text,
    linelastmodifieddate: stamp,
  }),
  table('manufacturingoperationtask', {
    id: key,
    workorder: to('transaction'),
    operationsequence: number,
    title: text,
    manufacturingworkcenter: to('entitygroup'),
    inputquantity: number,
    completedquantity: number,
    setuptime: number,
    runrate: number,
    estimatedwork: number,
    actualwork: number,
    remainingwork: number,
    actualsetuptime: number,
    status: text,
    laborresources: number,
    machineresources: number,
    startdatetime: stamp,
    enddate: stamp,
  }),
  // One and the same link, from either side.
  table('previoustransactionlinelink', links),
  table('nexttransactionlinelink', links),
  table('entitygroup', { id: key, groupname: text, isinactive: text, ismanufacturingworkcenter: text }),
  table('item', {
    id: key,
    itemid: text,
    displayname: text,
    description: text,
    itemtype: text,
    isinactive: text,
    lastmodifieddate: stamp,
  }),
  table('customer', { id: key, entityid: text, companyname: text, isinactive: text, lastmodifieddate: stamp }),
  table('location', { id: key, name: text, isinactive: text }),
  table('deletedrecord', {
    recordid: number,
    recordtypeid: number,
    type: text,
    name: text,
    context: text,
    deletedby: number,
    deleteddate: stamp,
    iscustomrecord: text,
    iscustomlist: text,
  }),
  table('dual', { dummy: text }),
]);

/** The tables of an account; without routing there are neither tasks nor work centers. */
export function tablesOf({ routing }: { routing: boolean }): ReadonlyMap<string, Table> {
  if (routing) return all;
  const tables = [...all].filter(([name]) => name !== 'manufacturingoperationtask');
  return new Map(tables.map(([name, { columns }]) => [name, { name, columns: withoutWorkCenters(columns) }]));
}

function withoutWorkCenters(columns: ReadonlyMap<string, Column>): ReadonlyMap<string, Column> {
  return new Map([...columns].filter(([name]) => name !== 'ismanufacturingworkcenter'));
}
