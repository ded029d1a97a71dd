/** The rows that the benchmark serves: sales orders as `A_SalesOrder` writes them in OData V2, header only. */

export const pageSize = 1000;

/** Service and entity set, as the product's defaults name them. */
export const servicePath = '/sap/opu/odata/sap/API_SALES_ORDER_SRV';
export const entitySet = 'A_SalesOrder';

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
const dayMs = 86_400_000;
const firstDay = Date.UTC(2026, 0, 5);

/** The key of the row at an index, counted from 0. */
export function keyAt(index: number): string {
  return String(firstOrder + index);
}

/** The index of a key; -1 for a text that is none of ours. */
export function indexOf(key: string): number {
  const index = Number(key) - firstOrder;
  return Number.isInteger(index) ? index : -1;
}

type Row = Record<string, unknown>;

/** One whole row: 19 properties and their metadata, about 840 bytes of JSON. */
function rowAt(index: number): Row {
  const key = keyAt(index);
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

/** All pages, ready to be sent; `names` undefined for whole rows. */
export function serialisePages(records: number, names: readonly string[] | undefined): Buffer[] {
  const pages: Buffer[] = [];
  for (let start = 0; start < records; start += pageSize) {
    const rows = Array.from({ length: Math.min(pageSize, records - start) }, (_, offset) => rowAt(start + offset));
    const shown = names === undefined ? rows : rows.map((row) => pick(row, names));
    pages.push(Buffer.from(JSON.stringify({ d: { results: shown } })));
  }
  return pages;
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
export function metadata(): string {
  const names = Object.keys(rowAt(0)).filter((name) => name !== '__metadata');
  const properties = names.map((name) => `<Property Name="${name}" Type="${types[name] ?? 'Edm.String'}"/>`).join('');
  return (
    '<?xml version="1.0" encoding="utf-8"?><edmx:Edmx Version="1.0"><edmx:DataServices><Schema Namespace="API_SALES_ORDER_SRV">' +
    `<EntityType Name="A_SalesOrderType"><Key><PropertyRef Name="SalesOrder"/></Key>${properties}</EntityType>` +
    '<EntityContainer><EntitySet Name="A_SalesOrder" EntityType="API_SALES_ORDER_SRV.A_SalesOrderType"/></EntityContainer>' +
    '</Schema></edmx:DataServices></edmx:Edmx>'
  );
}
