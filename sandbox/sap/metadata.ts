import type { TableName } from './model.ts';

/**
 * How a column is shown and what a filter may compare it with. `id` is ALPHA or NUMC: stored padded, shown without zeros
 * by V2 and padded by V4. `material` is shown without zeros by both. `flag` is X or empty in V2 and a Boolean in V4.
 */
export type Kind =
  | 'text'
  | 'id'
  | 'material'
  | 'flag'
  | 'boolean'
  | 'decimal'
  | 'date'
  | 'time'
  | 'stamp7'
  | 'stamp0'
  | 'char14';

/** One property of an entity type; `column` is where its value is stored. */
export interface Property {
  name: string;
  column: string;
  kind: Kind;
  length?: number;
  key?: true;
  filterable?: false;
}

/** An entity set over one table; `etag` names the column of the ETag, which shows all seven digits of a stamp. */
export interface EntitySet {
  name: string;
  type: string;
  table: TableName;
  properties: readonly Property[];
  etag?: string;
}

/** A service of the gateway; `v1` is an old custom service: V2 types, bare collections, no server paging. */
export interface Service {
  protocol: 'v1' | 'v2' | 'v4';
  path: string;
  namespace: string;
  sets: readonly EntitySet[];
}

/** Marks: `!` key, `-` not filterable. Then `name:kind`, or `name:kind:length`. */
function properties(lines: string): Property[] {
  return lines
    .trim()
    .split(/\s+/)
    .map((line) => {
      const [marked = '', kind = '', length] = line.split(':');
      const name = marked.replace(/^[!-]/, '');
      return {
        name,
        column: name,
        kind: kind as Kind,
        ...(length === undefined ? {} : { length: Number(length) }),
        ...(marked.startsWith('!') ? { key: true as const } : {}),
        ...(marked.startsWith('-') ? { filterable: false as const } : {}),
      };
    });
}

const workCenter = properties(`
  !WorkCenterInternalID:id:8 !WorkCenterTypeCode:text:2 WorkCenter:text:8 WorkCenterDesc:text:40 Plant:text:4
  WorkCenterCategoryCode:text:4 WorkCenterResponsible:text:3 WorkCenterLocation:text:10 WorkCenterIsToBeDeleted:boolean
  ValidityStartDate:date ValidityEndDate:date WorkCenterLastChangeDateTime:stamp7`);

const equipment = properties(`
  !Equipment:id:18 !ValidityEndDate:date ValidityStartDate:date EquipmentName:text:40 EquipmentCategory:text:1
  ManufacturerSerialNumber:text:30 AssetManufacturerName:text:30 AssetLocation:text:10 WorkCenterInternalID:id:8
  WorkCenterPlant:text:4 LastChangeDateTime:stamp0 EquipmentIsMarkedForDeletion:boolean`);

const salesOrder = properties(`
  !SalesOrder:id:10 SalesOrderType:text:4 SalesOrganization:text:4 SoldToParty:id:10 PurchaseOrderByCustomer:text:35
  CreationDate:date LastChangeDate:date LastChangeDateTime:stamp7 SalesOrderDate:date RequestedDeliveryDate:date
  TotalNetAmount:decimal:16 TransactionCurrency:text:5 OverallSDProcessStatus:text:1
  OverallSDDocumentRejectionSts:text:1 OverallTotalDeliveryStatus:text:1`);

const productionOrder = properties(`
  !ManufacturingOrder:id:12 ManufacturingOrderCategory:text:2 ManufacturingOrderType:text:4 OrderIsCreated:flag
  OrderIsReleased:flag OrderIsConfirmed:flag OrderIsTechnicallyCompleted:flag OrderIsClosed:flag
  OrderIsMarkedForDeletion:flag OrderIsDeleted:flag MfgOrderCreationDate:date MfgOrderCreationTime:time
  LastChangeDateTime:char14 Material:material:40 ProductionPlant:text:4 MRPController:text:3 SalesOrder:id:10
  SalesOrderItem:id:6 OrderInternalBillOfOperations:id:10 MfgOrderScheduledStartDate:date
  MfgOrderScheduledStartTime:time MfgOrderScheduledEndDate:date MfgOrderScheduledEndTime:time ProductionUnit:text:3
  TotalQuantity:decimal:13 -CustomerName:text:80`);

const operation = properties(`
  !OrderInternalBillOfOperations:id:10 !OrderIntBillOfOperationsItem:id:8 ManufacturingOrder:id:12
  ManufacturingOrderSequence:id:6 ManufacturingOrderOperation:text:4 ManufacturingOrderSubOperation:text:4
  MfgOrderOperationText:text:40 LastChangeDateTime:char14 OperationIsCreated:flag OperationIsReleased:flag
  OperationIsConfirmed:flag OperationIsDeleted:flag OperationIsTechlyCompleted:flag OperationIsClosed:flag
  WorkCenterInternalID:id:8 WorkCenterTypeCode:text:1 WorkCenter:text:8 ProductionPlant:text:4
  OperationControlProfile:text:4 OpErlstSchedldExecStrtDte:date OpErlstSchedldExecStrtTme:time
  OpErlstSchedldExecEndDte:date OpErlstSchedldExecEndTme:time OpPlannedTotalQuantity:decimal:13 OperationUnit:text:3
  WorkCenterStandardWorkQty1:decimal:9 WorkCenterStandardWorkQtyUnit1:text:3 WorkCenterStandardWorkQty2:decimal:9
  WorkCenterStandardWorkQtyUnit2:text:3 WorkCenterStandardWorkQty3:decimal:9 WorkCenterStandardWorkQtyUnit3:text:3
  WorkCenterStandardWorkQty4:decimal:9 WorkCenterStandardWorkQtyUnit4:text:3 WorkCenterStandardWorkQty5:decimal:9
  WorkCenterStandardWorkQtyUnit5:text:3 WorkCenterStandardWorkQty6:decimal:9 WorkCenterStandardWorkQtyUnit6:text:3`);

/**
 * The ECC service shows the same sales orders under the names of table VBAK. Its columns pass no conversion exit:
 * `Vbeln` is shown padded and must be compared padded. `Aedat` is the day of the last change (or of the creation).
 */
const eccNames = {
  Vbeln: 'SalesOrder',
  Kunnr: 'SoldToParty',
  Bstkd: 'PurchaseOrderByCustomer',
  Vdatu: 'RequestedDeliveryDate',
  Aedat: 'LastChangeDate',
  Abstk: 'OverallSDDocumentRejectionSts',
  Gbstk: 'OverallSDProcessStatus',
};

function eccProperties(): Property[] {
  return Object.entries(eccNames).map(([name, column]) => {
    const source = salesOrder.find((property) => property.name === column);
    if (source === undefined) throw new Error(`The sales order has no column ${column}.`);
    return { ...source, name, kind: source.kind === 'id' ? 'text' : source.kind };
  });
}

/** `CE_SALESORDER_0001` renames one of the header's properties. */
const salesOrderV4 = salesOrder.map((property) =>
  property.name === 'OverallTotalDeliveryStatus' ? { ...property, name: 'OverallDeliveryStatus' } : property,
);

function service(protocol: Service['protocol'], path: string, sets: EntitySet[]): Service {
  const parts = path.split('/');
  const namespace = protocol === 'v4' ? `com.sap.gateway.${parts[2]}.${parts[1]}.v${parts[5]}` : (parts.at(-1) ?? '');
  const root = protocol === 'v4' ? '/sap/opu/odata4' : '/sap/opu/odata';
  return { protocol, path: `${root}/${path}`, namespace, sets };
}

const stamp = 'LastChangeDateTime';

/** Every service the simulator knows. Equipment has no V4 service. */
export const services: readonly Service[] = [
  service('v2', 'sap/API_WORK_CENTERS', [
    { name: 'A_WorkCenters', type: 'A_WorkCentersType', table: 'workCenters', properties: workCenter },
  ]),
  service('v2', 'sap/API_EQUIPMENT', [
    { name: 'Equipment', type: 'EquipmentType', table: 'equipment', properties: equipment, etag: stamp },
  ]),
  service('v2', 'sap/API_SALES_ORDER_SRV', [
    { name: 'A_SalesOrder', type: 'A_SalesOrderType', table: 'salesOrders', properties: salesOrder, etag: stamp },
  ]),
  service('v2', 'sap/API_PRODUCTION_ORDER_2_SRV', [
    {
      name: 'A_ProductionOrder_2',
      type: 'A_ProductionOrder_2Type',
      table: 'productionOrders',
      properties: productionOrder,
      etag: stamp,
    },
    {
      name: 'A_ProductionOrderOperation_2',
      type: 'A_ProductionOrderOperation_2Type',
      table: 'operations',
      properties: operation,
      etag: stamp,
    },
  ]),
  service('v1', 'sap/ZMES_SRV', [
    { name: 'SalesOrders', type: 'SalesOrder', table: 'salesOrders', properties: eccProperties() },
  ]),
  service('v4', 'sap/api_work_center/srvd_a2x/sap/workcenter/0001', [
    { name: 'WorkCenterHeader', type: 'WorkCenterHeaderType', table: 'workCenters', properties: workCenter },
  ]),
  service('v4', 'sap/api_salesorder/srvd_a2x/sap/salesorder/0001', [
    { name: 'SalesOrder', type: 'SalesOrderType', table: 'salesOrders', properties: salesOrderV4, etag: stamp },
  ]),
  service('v4', 'sap/api_productionorder/srvd_a2x/sap/productionorder/0001', [
    {
      name: 'ProductionOrder',
      type: 'ProductionOrderType',
      table: 'productionOrders',
      properties: productionOrder,
      etag: stamp,
    },
    {
      name: 'ProductionOrderOperation',
      type: 'ProductionOrderOperationType',
      table: 'operations',
      properties: operation,
      etag: stamp,
    },
  ]),
];
