/**
 * The tables of the simulated S/4HANA as they are stored, not as any protocol shows them:
 * ids padded with zeros, flags as booleans, decimals as numbers, dates `YYYY-MM-DD`, times `hh:mm:ss`,
 * stamps `YYYY-MM-DDThh:mm:ss.fffffff` in UTC (text, because seven digits do not fit a double) or `YYYYMMDDhhmmss`.
 * Stored like this, every column sorts by plain comparison.
 */
export type Value = string | number | boolean | null;
export type Row = Record<string, Value>;

/** A work center; its stamp is null when nobody has touched it since the last upgrade. */
export type WorkCenter = {
  WorkCenterInternalID: string;
  WorkCenterTypeCode: string;
  WorkCenter: string;
  WorkCenterDesc: string;
  Plant: string;
  WorkCenterCategoryCode: string;
  WorkCenterResponsible: string;
  WorkCenterLocation: string;
  WorkCenterIsToBeDeleted: boolean;
  ValidityStartDate: string;
  ValidityEndDate: string;
  WorkCenterLastChangeDateTime: string | null;
};

/** One validity segment of a piece of equipment; the current one ends on 9999-12-31. */
export type Equipment = {
  Equipment: string;
  ValidityEndDate: string;
  ValidityStartDate: string;
  EquipmentName: string;
  EquipmentCategory: string;
  ManufacturerSerialNumber: string;
  AssetManufacturerName: string;
  AssetLocation: string;
  WorkCenterInternalID: string;
  WorkCenterPlant: string;
  LastChangeDateTime: string;
  EquipmentIsMarkedForDeletion: boolean;
};

/** A sales order header. */
export type SalesOrder = {
  SalesOrder: string;
  SalesOrderType: string;
  SalesOrganization: string;
  SoldToParty: string;
  PurchaseOrderByCustomer: string;
  CreationDate: string;
  LastChangeDate: string;
  LastChangeDateTime: string;
  SalesOrderDate: string;
  RequestedDeliveryDate: string | null;
  TotalNetAmount: number;
  TransactionCurrency: string;
  OverallSDProcessStatus: string;
  OverallSDDocumentRejectionSts: string;
  OverallTotalDeliveryStatus: string;
};

/** A production order header; `SalesOrder` is empty or all zeros when it makes to stock. */
export type ProductionOrder = {
  ManufacturingOrder: string;
  ManufacturingOrderCategory: string;
  ManufacturingOrderType: string;
  OrderIsCreated: boolean;
  OrderIsReleased: boolean;
  OrderIsConfirmed: boolean;
  OrderIsTechnicallyCompleted: boolean;
  OrderIsClosed: boolean;
  OrderIsMarkedForDeletion: boolean;
  OrderIsDeleted: boolean;
  MfgOrderCreationDate: string;
  MfgOrderCreationTime: string;
  LastChangeDateTime: string;
  Material: string;
  ProductionPlant: string;
  MRPController: string;
  SalesOrder: string;
  SalesOrderItem: string;
  OrderInternalBillOfOperations: string;
  MfgOrderScheduledStartDate: string | null;
  MfgOrderScheduledStartTime: string;
  MfgOrderScheduledEndDate: string | null;
  MfgOrderScheduledEndTime: string;
  ProductionUnit: string;
  TotalQuantity: number;
  CustomerName: string;
};

/** An operation (or sub-operation) of a production order; scheduling is in the plant's time zone. */
export type Operation = {
  OrderInternalBillOfOperations: string;
  OrderIntBillOfOperationsItem: string;
  ManufacturingOrder: string;
  ManufacturingOrderSequence: string;
  ManufacturingOrderOperation: string;
  ManufacturingOrderSubOperation: string;
  MfgOrderOperationText: string;
  LastChangeDateTime: string;
  OperationIsCreated: boolean;
  OperationIsReleased: boolean;
  OperationIsConfirmed: boolean;
  OperationIsDeleted: boolean;
  OperationIsTechlyCompleted: boolean;
  OperationIsClosed: boolean;
  WorkCenterInternalID: string;
  WorkCenterTypeCode: string;
  WorkCenter: string;
  ProductionPlant: string;
  OperationControlProfile: string;
  OpErlstSchedldExecStrtDte: string | null;
  OpErlstSchedldExecStrtTme: string;
  OpErlstSchedldExecEndDte: string | null;
  OpErlstSchedldExecEndTme: string;
  OpPlannedTotalQuantity: number;
  OperationUnit: string;
  WorkCenterStandardWorkQty1: number;
  WorkCenterStandardWorkQtyUnit1: string;
  WorkCenterStandardWorkQty2: number;
  WorkCenterStandardWorkQtyUnit2: string;
  WorkCenterStandardWorkQty3: number;
  WorkCenterStandardWorkQtyUnit3: string;
  WorkCenterStandardWorkQty4: number;
  WorkCenterStandardWorkQtyUnit4: string;
  WorkCenterStandardWorkQty5: number;
  WorkCenterStandardWorkQtyUnit5: string;
  WorkCenterStandardWorkQty6: number;
  WorkCenterStandardWorkQtyUnit6: string;
};

/** Which row type each table holds. */
export interface Tables {
  workCenters: WorkCenter;
  equipment: Equipment;
  salesOrders: SalesOrder;
  productionOrders: ProductionOrder;
  operations: Operation;
}
export type TableName = keyof Tables;

/** The key columns of each table; a change of validity makes a new key for a piece of equipment. */
export const keyColumns = {
  workCenters: ['WorkCenterInternalID', 'WorkCenterTypeCode'],
  equipment: ['Equipment', 'ValidityEndDate'],
  salesOrders: ['SalesOrder'],
  productionOrders: ['ManufacturingOrder'],
  operations: ['OrderInternalBillOfOperations', 'OrderIntBillOfOperationsItem'],
} as const satisfies { [T in TableName]: readonly (keyof Tables[T])[] };

/** The last day of the current validity segment. */
export const endOfTime = '9999-12-31';

/** `value` as stored in an ALPHA or NUMC column of `length`: padded when all digits, else as it is. */
export function pad(value: string, length: number): string {
  return /^\d+$/.test(value) ? value.padStart(length, '0') : value;
}

/** An id as SAP's screens show it: an all-digit id without leading zeros, all zeros as `0`. */
export function strip(value: string): string {
  return /^0\d+$/.test(value) ? value.replace(/^0+(?=\d)/, '') : value;
}

/** True when a production order has no sales order: the field is empty or all zeros. */
export function isMakeToStock(order: ProductionOrder): boolean {
  return /^0*$/.test(order.SalesOrder);
}
