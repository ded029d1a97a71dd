import type { MappedRow, Stream } from '../../src/connectors/connector.ts';
import { type SapSettings, sap } from '../../src/connectors/sap/index.ts';
import type { MesRecord } from '../../src/core/types.ts';
import { createHastyClock, createStrictBus } from './connector-context.ts';

/** Settings as an operator writes them, laid over the least that is needed. */
export async function sapSettings(own: object = {}): Promise<SapSettings> {
  return sap.settings.parseAsync({
    type: 'sap',
    url: 'https://s4.example',
    auth: { kind: 'basic', username: 'MES_READER', password: 'canary-password' },
    externalSource: 'SAP',
    timeZone: 'Europe/Amsterdam',
    ...own,
  });
}

/** One stream of a connector that never connects anywhere: enough to map rows. */
export async function sapStream(name: string, own: object = {}): Promise<Stream> {
  const context = {
    name: 'plant-1',
    clock: createHastyClock(),
    events: createStrictBus(),
    random: () => 0,
    attempts: 5,
  };
  const session = sap.open(await sapSettings(own), context);
  const stream = session.streams.find((candidate) => candidate.name === name);
  if (stream === undefined) throw new Error(`There is no stream ${name}.`);
  return stream;
}

export interface Asked {
  /** Settings of the connector. */
  own?: object;
  /** Settings of the stream. */
  stream?: object;
}

/** What one row becomes. */
export async function mapRow(name: string, row: unknown, { own, stream }: Asked = {}): Promise<MappedRow> {
  const opened = await sapStream(name, { ...own, ...(stream && { streams: { [name]: stream } }) });
  const [mapped] = await opened.map([row]);
  if (mapped === undefined) throw new Error('The row was lost.');
  return mapped;
}

/** The records of one row; throws when it was refused. */
export async function recordsOf(name: string, row: unknown, asked: Asked = {}): Promise<MesRecord[]> {
  const mapped = await mapRow(name, row, asked);
  if (mapped.kind === 'refused') throw new Error(`${mapped.stage}: ${mapped.reason}`);
  return mapped.records;
}

/** Rows as V2 shows them; every property that the mapping reads. */
export const sapRows = {
  workCenter: {
    WorkCenterInternalID: '10000001',
    WorkCenterTypeCode: 'A',
    WorkCenter: 'CNC1',
    WorkCenterDesc: 'Milling',
    Plant: '1710',
    WorkCenterIsToBeDeleted: false,
  },
  equipment: {
    Equipment: '000000000010000045',
    ValidityEndDate: '/Date(253402214400000)/',
    EquipmentName: 'Drill',
    EquipmentCategory: 'P',
    ManufacturerSerialNumber: 'SN-1',
    AssetLocation: 'HALL-A',
    LastChangeDateTime: '/Date(1790841600000)/',
    EquipmentIsMarkedForDeletion: false,
  },
  salesOrder: {
    SalesOrder: '0001000055',
    SoldToParty: '0017100001',
    RequestedDeliveryDate: '/Date(1798675200000)/',
    OverallSDProcessStatus: 'A',
    OverallSDDocumentRejectionSts: 'A',
    LastChangeDateTime: '/Date(1790841600123+0000)/',
  },
  productionOrder: {
    ManufacturingOrder: '1003055',
    LastChangeDateTime: '20261001085500',
    SalesOrder: '1000055',
    Material: 'FG155',
    TotalQuantity: '25.000',
    ProductionPlant: '1710',
    MfgOrderScheduledEndDate: '/Date(1798675200000)/',
    OrderIsMarkedForDeletion: '',
    OrderIsDeleted: '',
    OrderIsTechnicallyCompleted: '',
    OrderIsClosed: '',
  },
  operation: {
    OrderInternalBillOfOperations: '1',
    OrderIntBillOfOperationsItem: '7',
    LastChangeDateTime: '20261001085500',
    ManufacturingOrder: '1003055',
    ManufacturingOrderSequence: '0',
    ManufacturingOrderOperation: '0010',
    ManufacturingOrderSubOperation: '',
    MfgOrderOperationText: 'Saw to length',
    ProductionPlant: '1710',
    WorkCenter: 'CNC1',
    OpErlstSchedldExecStrtDte: '/Date(1790812800000)/',
    OpErlstSchedldExecStrtTme: 'PT06H00M00S',
    OpErlstSchedldExecEndDte: '/Date(1790812800000)/',
    OpErlstSchedldExecEndTme: 'PT14H30M00S',
    OpPlannedTotalQuantity: '25.000',
    WorkCenterStandardWorkQty1: '30.000',
    WorkCenterStandardWorkQtyUnit1: 'MIN',
    WorkCenterStandardWorkQty2: '2.000',
    WorkCenterStandardWorkQtyUnit2: 'MIN',
    OperationIsDeleted: '',
    OperationIsTechlyCompleted: '',
    OperationIsClosed: '',
  },
} as const;
