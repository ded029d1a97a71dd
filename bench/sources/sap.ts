import {
  type Answer,
  type Asked,
  dayMs,
  firstDay,
  indexFrom,
  json,
  off,
  pageSize,
  type Rows,
  rate,
  refusal,
  type Source,
  serialisePages,
} from './source.ts';

/** Sales orders as `A_SalesOrder` writes them in OData V2, header only. */
export const sap: Source = {
  externalSource: 'SAP',
  settings: (origin) => ({
    type: 'sap',
    url: origin,
    auth: { kind: 'basic', username: 'bench', password: 'benchmark' },
    rate,
    streams: {
      'work-centers': off,
      equipment: off,
      'sales-orders': { pageSize },
      'production-orders': off,
      operations: off,
    },
  }),
  prepare,
};

/** Service and entity set, as the product's defaults name them. */
const servicePath = '/sap/opu/odata/sap/API_SALES_ORDER_SRV';
const entitySet = 'A_SalesOrder';

/** What the product's mapping reads, and with it what product and floor ask for by `$select`. */
export const selected = [
  'SalesOrder',
  'LastChangeDateTime',
  'SoldToParty',
  'RequestedDeliveryDate',
  'OverallSDProcessStatus',
  'OverallSDDocumentRejectionSts',
] as const;

const firstOrder = 1_000_000_000;

const nothing = Buffer.from('{"d":{"results":[]}}');

function prepare(records: number, rows: Rows) {
  const names = rows === 'selected' ? selected : undefined;
  const shown = (index: number) => (names === undefined ? rowAt(index) : pick(rowAt(index), names));
  const pages = serialisePages(records, shown, (results) => ({ d: { results } }));
  const edmx = Buffer.from(metadata());
  const indexOf = (key: string) => indexFrom(firstOrder, key);

  function answerQuery(query: URLSearchParams): Answer {
    const filter = query.get('$filter') ?? '';
    if (names !== undefined && query.get('$select') !== names.join(',')) {
      return refusal(`bench/sources/sap.ts prepares $select=${names}, asked was ${query.get('$select')}`);
    }
    if (filter.includes('LastChangeDateTime ge')) return json(nothing, 'nothing');
    if (query.get('$top') !== String(pageSize)) return refusal(`$top is not ${pageSize}`);
    const after = /^SalesOrder gt '(\d+)'$/.exec(filter)?.[1];
    if (filter !== '' && after === undefined) return refusal(`not understood: ${filter}`);
    return json(pages[after === undefined ? 0 : (indexOf(after) + 1) / pageSize] ?? nothing, 'page');
  }

  return {
    pageBytes: pages[0]?.length ?? 0,
    indexOf,
    answer({ url: { pathname, searchParams } }: Asked): Answer {
      const set = `${servicePath}/${entitySet}`;
      if (pathname === `${servicePath}/$metadata`) return { status: 200, type: 'application/xml', body: edmx };
      if (pathname === `${set}/$count`) return { status: 200, type: 'text/plain', body: Buffer.from(String(records)) };
      return pathname === set ? answerQuery(searchParams) : refusal(`unknown path ${pathname}`);
    },
  };
}

type Row = Record<string, unknown>;

/** One whole row: 19 properties and their metadata, about 840 bytes of JSON. */
function rowAt(index: number): Row {
  const key = String(firstOrder + index);
  const uri = `http://s4.example.internal:8000${servicePath}/${entitySet}('${key}')`;
  const day = (offset: number) => `/Date(${firstDay + ((index + offset) % 360) * dayMs})/`;
  return {
    __metadata: { id: uri, uri, type: 'API_SALES_ORDER_SRV.A_SalesOrderType' },
    SalesOrder: key,
    SalesOrderType: 'OR',
    SalesOrganization: '1710',
    DistributionChannel: '10',
    OrganizationDivision: '00',
    SoldToParty: `00${17_100_000 + (index % 5000)}`,
    CreationDate: day(0),
    CreatedByUser: 'CB9980000042',
    LastChangeDate: day(3),
    LastChangeDateTime: `/Date(${firstDay + (index % 8_000_000) * 1000}+0000)/`,
    PurchaseOrderByCustomer: `PO-2026-${index}`,
    SalesOrderDate: day(0),
    TotalNetAmount: `${100 + (index % 90_000)}.50`,
    TransactionCurrency: 'EUR',
    RequestedDeliveryDate: day(30),
    ShippingCondition: '01',
    CustomerPaymentTerms: '0004',
    OverallSDProcessStatus: index % 4 === 0 ? 'C' : 'A',
    OverallSDDocumentRejectionSts: 'A',
  };
}

function pick(row: Row, names: readonly string[]): Row {
  return Object.fromEntries(['__metadata', ...names].map((name) => [name, row[name]]));
}

const types: Readonly<Record<string, string>> = {
  CreationDate: 'Edm.DateTime',
  LastChangeDate: 'Edm.DateTime',
  LastChangeDateTime: 'Edm.DateTimeOffset',
  SalesOrderDate: 'Edm.DateTime',
  RequestedDeliveryDate: 'Edm.DateTime',
  TotalNetAmount: 'Edm.Decimal',
};

/** The `$metadata` document of the service. */
function metadata(): string {
  const names = Object.keys(rowAt(0)).filter((name) => name !== '__metadata');
  const properties = names.map((name) => `<Property Name="${name}" Type="${types[name] ?? 'Edm.String'}"/>`).join('');
  return (
    '<?xml version="1.0" encoding="utf-8"?><edmx:Edmx Version="1.0"><edmx:DataServices><Schema Namespace="API_SALES_ORDER_SRV">' +
    `<EntityType Name="A_SalesOrderType"><Key><PropertyRef Name="SalesOrder"/></Key>${properties}</EntityType>` +
    '<EntityContainer><EntitySet Name="A_SalesOrder" EntityType="API_SALES_ORDER_SRV.A_SalesOrderType"/></EntityContainer>' +
    '</Schema></edmx:DataServices></edmx:Edmx>'
  );
}
