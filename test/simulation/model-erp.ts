import { dateOf } from '../../sandbox/local-time.ts';
import type { Random } from '../../sandbox/random.ts';
import { parseFilter, predicateOf } from '../../sandbox/sap/filter.ts';
import { char14Of, stampOf } from '../../sandbox/sap/instant.ts';
import type { ImageRecord, MesImage, Table } from '../../sandbox/types.ts';
import type { AnyConnector, ConnectorContext, ConnectorSession } from '../../src/connectors/connector.ts';
import type { ODataClient } from '../../src/connectors/protocols/odata/client.ts';
import { openODataStream } from '../../src/connectors/protocols/odata/stream.ts';
import type { ODataQuery } from '../../src/connectors/protocols/odata/url.ts';
import type { ODataVersion } from '../../src/connectors/protocols/odata/values.ts';
import { sap } from '../../src/connectors/sap/index.ts';
import type { StampKind } from '../../src/core/types.ts';
import {
  definitions,
  type ModelRow,
  properties,
  stampKindOf,
  streamOf,
  type TableName,
  tableNames,
} from './model-tables.ts';

/** How the tables of this run are stamped and served. */
export interface ModelSetting {
  version: ODataVersion;
  kinds: Record<Exclude<TableName, 'cells'>, StampKind>;
  /** Rows are deleted without a stamp that tells, and created again under their old ids. */
  deletes: boolean;
}

interface Change {
  table: TableName;
  row: ModelRow;
  gone?: true;
  /** It was gone, and is there as it was. */
  back?: true;
}

/** What an event is about: the transaction's changes, and its name for the history. */
interface Transaction {
  label: string;
  changes: Change[];
  /** Never visible later than it happened: a row that goes bears no stamp that could be older. */
  prompt?: true;
}

const future = { timestamp: '2999-12-31T23:59:59.9999999', char14: '29991231235959', date: '2999-12-31' };
/** Transactions commit up to so much later than they stamp: less than any overlap. */
const latestMs = 540_000;

/** The default settle time, and the second to which it is cut. */
const settleMs = 121_000;

/** A small ERP in memory behind the port of an OData service, with a history drawn from a seed and an oracle of its own. */
export class ModelErp {
  readonly #random: Random;
  readonly #setting: ModelSetting;
  readonly #tables = new Map(tableNames.map((name) => [name, new Map<string, ModelRow>()]));
  /** Rows that are gone, as they were last visible. */
  readonly #vanished = new Map(tableNames.map((name) => [name, new Map<string, ModelRow>()]));
  /** Records that were gone and are there again: what was on hold stays so until somebody releases it. */
  readonly #returned = new Set<string>();
  /** By the name of a part that was deleted: the operations that went with it. */
  readonly #along = new Map<string, readonly ModelRow[]>();
  readonly #since = new Map<string, number>();
  /** When a record got its present content: without the stamp, which alone makes no difference to the MES. */
  readonly #contentSince = new Map<string, number>();
  readonly #optional = new Set<string>();
  readonly #locked = new Set<string>();
  #pending: { at: number; changes: Change[]; locks: string[] }[] = [];
  #now: number;
  /** When complete passes ended. */
  #checkpoints: number[] = [];
  #numbers = 0;
  /** A row without a stamp was written: only a whole read can find it. */
  unstamped = false;
  /** An operation went and its part's stamp did not move: only the mark of all open parents finds that. */
  markNeeded = false;
  /** Something went that no poll and no mark of open parents can find. */
  reconcileNeeded = false;
  /** The next such list lacks one row, as a page does that is read beside a reorganisation. */
  hides: 'children' | 'keys' | undefined;
  /** How far the clock that it shows is off. */
  clockOffMs = 0;
  clockWasOff = false;

  constructor(random: Random, setting: ModelSetting) {
    this.#random = random;
    this.#setting = setting;
    this.#now = Date.UTC(2026, random.int(1, 10), random.int(1, 28), random.int(0, 23), random.int(0, 59)) + 417;
    this.#commit([{ table: 'cells', row: this.#rowOf('cells', 'C0') }]);
    for (let count = random.int(0, 4); count > 0; count -= 1) this.play(1);
  }

  now = (): Date => new Date(this.#now + this.clockOffMs);

  advance(ms: number): void {
    this.#now += Math.max(0, Math.round(ms));
    const due = this.#pending.filter(({ at }) => at <= this.#now);
    this.#pending = this.#pending.filter(({ at }) => at > this.#now);
    for (const { changes, locks } of due) {
      this.#commit(changes);
      for (const lock of locks) this.#locked.delete(lock);
    }
  }

  settle(): void {
    for (const { changes } of this.#pending) this.#commit(changes);
    this.#pending = [];
    this.#locked.clear();
  }

  checkpoint(): void {
    this.#checkpoints.push(this.#now);
  }

  optional(): Set<string> {
    return this.#optional;
  }

  isGone(table: Table, id: string): boolean {
    return this.#vanished.get(table as TableName)?.has(id) === true;
  }

  /** Whether the MES may hold this on hold. */
  mayBeOnHold(name: string): boolean {
    return this.#returned.has(name);
  }

  /** When the record got its present content. */
  changedAt(name: string): number {
    return this.#contentSince.get(name) ?? 0;
  }

  play(events: number): string[] {
    return Array.from({ length: events }, () => {
      if (this.#random.chance(0.6)) this.advance(this.#random.int(1, 20_000));
      const { label, changes, prompt = false } = this.#draw();
      const late = this.#random.chance(0.15);
      if (!late || prompt) {
        this.#commit(changes);
        return label;
      }
      const at = this.#now + this.#random.int(60_000, latestMs);
      const locks = changes.map(({ table, row }) => `${table}/${row.Id}`);
      for (const lock of locks) this.#locked.add(lock);
      this.#pending.push({ at, changes, locks });
      return `${label} (visible ${Math.round((at - this.#now) / 1000)} s later)`;
    });
  }

  /**
   * One transaction of that kind, visible at once, of that row where it is named (what is created: under it); its label, or undefined
   * when no row fits.
   */
  perform(
    kind: 'created' | 'tied' | 'changed' | 'flagged' | 'removed' | 'restored',
    table: TableName,
    id?: string,
  ): string | undefined {
    const fits = (row: ModelRow) => id === undefined || row.Id === id;
    const transactions = {
      created: () => this.#created(table, id),
      tied: () => this.#tied(table),
      changed: () => this.#changed(table, fits),
      flagged: () => this.#flagged(table, fits),
      removed: () => this.#removed(table, fits),
      restored: () => this.#restored(table, fits),
    };
    const transaction = transactions[kind]();
    this.#commit(transaction?.changes ?? []);
    return transaction?.label;
  }

  expected(): MesImage {
    const image: MesImage = {
      cells: new Map(),
      resources: new Map(),
      jobs: new Map(),
      parts: new Map(),
      operations: new Map(),
    };
    for (const table of tableNames) {
      for (const row of this.#table(table).values()) image[table].set(row.Id, this.#recordOf(table, row));
    }
    for (const table of tableNames) {
      for (const row of this.#gone(table).values()) image[table].set(row.Id, cancelledForm(this.#recordOf(table, row)));
    }
    return image;
  }

  /** A connector that reads this ERP; `ask` stands between its questions and the answers. */
  connector(ask: <T>(what: string, answer: () => T) => Promise<T>): AnyConnector {
    const client: ODataClient = {
      rows: (query) => ask(`rows ${query.path}`, () => this.#answer(query)),
      count: ({ path }) => ask(`count ${path}`, () => this.#table(tableOf(path)).size),
      propertyTypes: async (_service, set) => this.#types(set as TableName),
      now: this.now,
    };
    return { ...sap, open: (settings, context) => this.#open(client, settings, context) };
  }

  #open(client: ODataClient, config: never, { name }: ConnectorContext): ConnectorSession {
    const { externalSource: source, streams } = config as { externalSource: string; streams: Record<string, never> };
    const opened = definitions.map((definition) =>
      openODataStream({
        id: `${name}/${definition.name}`,
        definition,
        own: streams[definition.name] as never,
        config,
        client,
        context: { source },
        basis: 1,
      }),
    );
    return {
      name,
      source,
      streams: opened.map(({ stream }) => stream),
      prepare: async () => undefined,
      clock: async () => this.now(),
      check: async () => [],
      close: () => undefined,
    };
  }

  #answer(query: ODataQuery): unknown[] {
    const table = tableOf(query.path);
    const { version } = this.#setting;
    const vocabulary = { properties: [...properties, this.#stampProperty(table)], protocol: version };
    const holds = query.filter === undefined ? () => true : predicateOf(parseFilter(query.filter, vocabulary));
    const order = (query.orderBy ?? '').split(',').map((part) => part.split(' '));
    return this.#visible(
      query,
      [...this.#table(table).values()].filter((row) => holds({ ...row })),
    )
      .sort((one, other) => compare(one, other, order))
      .slice(0, query.top)
      .map((row) => this.#show(table, row));
  }

  #visible(query: ODataQuery, rows: ModelRow[]): ModelRow[] {
    const kind = query.filter?.includes('Parent eq') ? 'children' : query.select?.includes('Name') ? undefined : 'keys';
    if (this.hides === undefined || this.hides !== kind || rows.length === 0) return rows;
    this.hides = undefined;
    const hidden = this.#random.pick(rows);
    return rows.filter((row) => row !== hidden);
  }

  #show(table: TableName, row: ModelRow): unknown {
    return { ...row, Stamp: this.#shownStamp(table, row) };
  }

  #shownStamp(table: TableName, { Stamp }: ModelRow): string | null {
    const kind = this.#kindOf(table);
    if (Stamp === null || kind === 'char14' || kind === 'none') return Stamp;
    if (this.#setting.version === 'v4') return kind === 'date' ? Stamp : `${Stamp}Z`;
    return `/Date(${Date.parse(kind === 'date' ? Stamp : `${Stamp.slice(0, 23)}Z`)})/`;
  }

  #stampProperty(table: TableName) {
    const kind = this.#kindOf(table);
    // V4 has no fourteen-digit texts of its own; a custom service may still send one.
    const stored = kind === 'char14' && this.#setting.version === 'v4' ? 'text' : stampKindOf[kind];
    return { name: 'Stamp', column: 'Stamp', kind: stored };
  }

  #types(table: TableName): Map<string, string> {
    const types = new Map(properties.map(({ name }) => [name, 'Edm.String']));
    types.set('Quantity', 'Edm.Int32');
    const kind = this.#kindOf(table);
    const dated =
      kind === 'date' ? (this.#setting.version === 'v2' ? 'Edm.DateTime' : 'Edm.Date') : 'Edm.DateTimeOffset';
    return types.set('Stamp', kind === 'char14' || kind === 'none' ? 'Edm.String' : dated);
  }

  #kindOf(table: TableName): StampKind {
    return table === 'cells' ? 'none' : this.#setting.kinds[table];
  }

  #stamp(table: TableName): string | null {
    const kind = this.#kindOf(table);
    const ms = this.#now;
    if (kind === 'none') return null;
    if (kind === 'timestamp') return stampOf(ms, this.#random.int(0, 9999));
    if (kind === 'second') return stampOf(Math.floor(ms / 1000) * 1000, 0);
    return kind === 'char14' ? char14Of(ms) : dateOf(ms);
  }

  #table(name: TableName): Map<string, ModelRow> {
    return this.#tables.get(name) ?? new Map();
  }

  #gone(name: TableName): Map<string, ModelRow> {
    return this.#vanished.get(name) ?? new Map();
  }

  #pick(table: TableName, fits: (row: ModelRow) => boolean = () => true): ModelRow | undefined {
    const free = (row: ModelRow) => !this.#locked.has(`${table}/${row.Id}`) && fits(row);
    const rows = [...this.#table(table).values()].filter(free);
    return rows.length === 0 ? undefined : this.#random.pick(rows);
  }

  /** Rows of a table that name this one, those that nobody can see yet too. */
  #referring(table: TableName, names: (row: ModelRow) => boolean): ModelRow[] {
    const coming = this.#pending.flatMap(({ changes }) => changes).filter((change) => change.table === table);
    return [...this.#table(table).values(), ...coming.map(({ row }) => row)].filter(names);
  }

  /** Now and then a row that nobody can see yet: its child may be visible before it. */
  #coming(table: TableName): ModelRow | undefined {
    const changes = this.#pending.flatMap((pending) => pending.changes).filter((change) => change.table === table);
    return changes.length > 0 && this.#random.chance(0.8) ? this.#random.pick(changes).row : undefined;
  }

  #rowOf(table: TableName, id: string, parent = ''): ModelRow {
    const rows = [...this.#table('cells').keys()];
    const Cell = table === 'operations' && rows.length > 0 ? this.#random.pick(rows) : '';
    const Quantity = this.#random.int(1, 99);
    return { Id: id, Stamp: this.#stamp(table), Name: this.#text(id), Parent: parent, Cell, Quantity, Cancelled: '' };
  }

  /** Unique, because the MES knows cells by their name. */
  #text(id: string): string {
    return `${id} ${this.#random.int(0, 999_999)}`;
  }

  #draw(): Transaction {
    return this.#attempt() ?? this.#created('jobs');
  }

  #attempt(): Transaction | undefined {
    for (const [parents, children] of [
      ['jobs', 'parts'],
      ['parts', 'operations'],
    ] as const) {
      const coming = this.#pending.some(({ changes }) => changes.some(({ table }) => table === parents));
      if (coming && this.#random.chance(0.3)) return this.#created(children);
    }
    const table = this.#random.pick([
      'jobs',
      'parts',
      'parts',
      'operations',
      'operations',
      'operations',
      'cells',
    ] as const);
    if (this.#setting.deletes && this.#random.chance(0.12)) {
      return this.#random.chance(0.3) ? this.#recreated(table) : this.#removed(table);
    }
    const roll = this.#random.next();
    if (table === 'cells') return roll < 0.3 ? this.#created('cells') : undefined;
    if (roll < 0.35) return this.#created(table);
    if (roll < 0.45) return this.#tied(table);
    if (roll < 0.6 && table === 'operations') return this.#vanishes();
    if (roll < 0.5) return this.#flagged(table);
    if (roll < 0.63) return this.#flagged(table);
    if (roll < 0.67) return this.#dated(table);
    return this.#changed(table);
  }

  #created(table: TableName, under?: string): Transaction {
    this.#numbers += 1;
    const id = `${table.slice(0, 1).toUpperCase()}${this.#numbers}`;
    const parents = { cells: undefined, jobs: undefined, parts: 'jobs', operations: 'parts' } as const;
    const parentTable = parents[table];
    const fits = under === undefined ? undefined : (row: ModelRow) => row.Id === under;
    const coming = parentTable === undefined || fits !== undefined ? undefined : this.#coming(parentTable);
    const parent = parentTable === undefined ? undefined : (coming ?? this.#pick(parentTable, fits));
    if (parentTable !== undefined && parent === undefined) return this.#created(parentTable);
    return { label: `${table} ${id} created`, changes: [{ table, row: this.#rowOf(table, id, parent?.Id) }] };
  }

  #changed(table: TableName, fits?: (row: ModelRow) => boolean): Transaction | undefined {
    const row = this.#pick(table, fits);
    if (row === undefined) return undefined;
    return { label: `${table} ${row.Id} changed`, changes: [{ table, row: this.#edited(table, row) }] };
  }

  #edited(table: TableName, row: ModelRow): ModelRow {
    return { ...row, Stamp: this.#stamp(table), Name: this.#text(row.Id), Quantity: this.#random.int(1, 99) };
  }

  /** Several rows change in one instant. */
  #tied(table: TableName): Transaction | undefined {
    const stamp = this.#stamp(table);
    const rows = [...this.#table(table).values()].filter(({ Id }) => !this.#locked.has(`${table}/${Id}`));
    if (rows.length === 0) return undefined;
    const changes = rows.map((row): Change => ({ table, row: { ...this.#edited(table, row), Stamp: stamp } }));
    return { label: `${table}: ${rows.length} changed at once`, changes };
  }

  #flagged(table: TableName, fits?: (row: ModelRow) => boolean): Transaction | undefined {
    const row = this.#pick(table, fits);
    // What was cancelled stays on hold in the MES until somebody releases it there: no way back here.
    if (row === undefined || row.Cancelled === 'X') return undefined;
    return {
      label: `${table} ${row.Id} cancelled`,
      changes: [{ table, row: { ...row, Stamp: this.#stamp(table), Cancelled: 'X' } }],
    };
  }

  /** An operation goes physically; only its part's stamp tells. */
  #vanishes(): Transaction | undefined {
    const row = this.#pick('operations');
    const part = row && this.#table('parts').get(row.Parent);
    if (row === undefined || part === undefined || this.#locked.has(`parts/${part.Id}`)) return undefined;
    return {
      label: `operations ${row.Id} vanished`,
      changes: [
        { table: 'operations', row, gone: true },
        { table: 'parts', row: { ...part, Stamp: this.#stamp('parts') } },
      ],
    };
  }

  /** A row goes and nothing tells of it; a part takes its operations along. What others refer to stays. */
  #removed(table: TableName, fits: (row: ModelRow) => boolean = () => true): Transaction | undefined {
    const childTable = ({ cells: 'operations', jobs: 'parts', parts: 'operations', operations: undefined } as const)[
      table
    ];
    const children = ({ Id }: ModelRow) =>
      childTable === undefined
        ? []
        : this.#referring(childTable, (row) => (table === 'cells' ? row.Cell : row.Parent) === Id);
    const goesAlong = (row: ModelRow) =>
      table === 'parts' && children(row).every(({ Id }) => !this.#locked.has(`operations/${Id}`));
    const free = (each: ModelRow) => each.Id !== 'C0' && (children(each).length === 0 || goesAlong(each));
    const row = this.#pick(table, (each) => fits(each) && free(each));
    if (row === undefined) return undefined;
    this.#along.set(row.Id, children(row));
    const along = children(row).map((child): Change => ({ table: 'operations', row: child, gone: true }));
    const changes: Change[] = [...along, { table, row, gone: true }];
    return { label: `${table} ${row.Id} deleted, with ${along.length} of its own`, changes, prompt: true };
  }

  /** What was gone is there again, under its old id and with other content. */
  #recreated(table: TableName): Transaction | undefined {
    const parents = { cells: undefined, jobs: undefined, parts: 'jobs', operations: 'parts' } as const;
    const parentTable = parents[table];
    const rows = [...this.#gone(table).values()].filter(
      ({ Id, Parent }) =>
        !this.#locked.has(`${table}/${Id}`) && (parentTable === undefined || this.#table(parentTable).has(Parent)),
    );
    if (rows.length === 0) return undefined;
    const { Id, Parent } = this.#random.pick(rows);
    this.#returned.add(`${table}/${Id}`);
    return { label: `${table} ${Id} created again`, changes: [{ table, row: this.#rowOf(table, Id, Parent) }] };
  }

  /** What was gone is there again exactly as it was, with its stamp and with what had gone along: only a comparison of all keys tells. */
  #restored(table: TableName, fits: (row: ModelRow) => boolean): Transaction | undefined {
    const parents = { cells: undefined, jobs: undefined, parts: 'jobs', operations: 'parts' } as const;
    const parentTable = parents[table];
    const hasCell = ({ Cell }: ModelRow) => Cell === '' || this.#table('cells').has(Cell);
    const mayReturn = (row: ModelRow) =>
      fits(row) && hasCell(row) && (parentTable === undefined || this.#table(parentTable).has(row.Parent));
    const row = [...this.#gone(table).values()].find(mayReturn);
    if (row === undefined) return undefined;
    const along = (this.#along.get(row.Id) ?? []).filter(hasCell);
    const changes: Change[] = [
      { table, row, back: true },
      ...along.map((child): Change => ({ table: 'operations', row: child, back: true })),
    ];
    for (const change of changes) this.#returned.add(`${change.table}/${change.row.Id}`);
    this.reconcileNeeded = true;
    return { label: `${table} ${row.Id} as it was, with ${along.length} of its own`, changes };
  }

  /** Stamps that are wrong: of the far future, a little ahead of the clock, or none. */
  #dated(table: TableName): Transaction | undefined {
    const row = this.#pick(table);
    const kind = this.#kindOf(table);
    if (row === undefined || kind === 'none') return undefined;
    const far = kind === 'char14' || kind === 'date' ? future[kind] : future.timestamp;
    const Stamp = this.#random.chance(0.85) ? far : null;
    if (Stamp === null) this.unstamped = true;
    const named = Stamp ?? 'nothing';
    return {
      label: `${table} ${row.Id} changed and stamped ${named}`,
      changes: [{ table, row: { ...this.#edited(table, row), Stamp } }],
    };
  }

  #commit(changes: readonly Change[]): void {
    for (const change of changes) {
      const { table, row, gone, back } = change;
      const name = `${table}/${row.Id}`;
      if (gone === true) {
        this.#noteUnmoved(change, changes);
        this.#table(table).delete(row.Id);
        this.#gone(table).set(row.Id, row);
        const stampless = row.Stamp === null && this.#kindOf(table) !== 'none';
        // No poll sees the last form of a row that lost its stamp, or changed while the clock was wrong and no pass looked after it.
        const unseen = stampless || (this.clockWasOff && this.unstamped);
        if (unseen || !this.#surelyRead(name)) this.#optional.add(name);
        continue;
      }
      const before = (back === true ? this.#gone(table) : this.#table(table)).get(row.Id);
      if (before === undefined || contentOf(before) !== contentOf(row)) this.#contentSince.set(name, this.#now);
      this.#table(table).set(row.Id, row);
      this.#gone(table).delete(row.Id);
      this.#since.set(name, this.#now);
      this.#optional.delete(name);
    }
  }

  /** Which look at the ERP it takes to find that this row is gone. */
  #noteUnmoved({ table, row }: Change, changes: readonly Change[]): void {
    if (table !== 'operations') {
      this.reconcileNeeded = true;
      return;
    }
    const part = this.#table('parts').get(row.Parent);
    const written = changes.find((change) => change.table === 'parts' && change.row.Id === row.Parent);
    const moved = written !== undefined && (written.gone === true || !this.#looksAlike(part, written.row));
    if (moved) return;
    this.markNeeded = true;
    if (part?.Cancelled === 'X') this.reconcileNeeded = true;
  }

  /** Parts whose stamps are one to whoever keeps milliseconds. */
  #looksAlike(one: ModelRow | undefined, other: ModelRow): boolean {
    const kept = (row: ModelRow) => this.#shownStamp('parts', row)?.slice(0, '2026-05-06T11:01:13.224'.length);
    return one !== undefined && kept(one) === kept(other);
  }

  /** Visible in this form through two passes: what is younger than the settle time is not asked for yet. */
  #surelyRead(name: string): boolean {
    const settled = (this.#since.get(name) ?? 0) + settleMs;
    return this.#checkpoints.filter((at) => at > settled).length >= 2;
  }

  #recordOf(table: TableName, row: ModelRow): ImageRecord {
    const { Id: externalId, Name, Parent, Quantity } = row;
    const cancelled = row.Cancelled === 'X';
    const cell = (this.#table('cells').get(row.Cell) ?? this.#gone('cells').get(row.Cell))?.Name ?? null;
    const fields: Record<TableName, ImageRecord['fields']> = {
      cells: { name: Name, active: !cancelled },
      jobs: { job_number: `N-${externalId}`, customer: Name },
      parts: { part_number: `P-${externalId}`, material: Name, quantity: Quantity, job_external_id: Parent },
      operations: {
        operation_name: Name,
        sequence: Quantity,
        estimated_time_minutes: Quantity * 2,
        part_external_id: Parent,
        cell_name: cell,
      },
    };
    const record = { externalId, fields: fields[table] };
    return cancelled && table !== 'cells' ? { ...record, onHold: true } : record;
  }
}

function contentOf(row: ModelRow): string {
  return JSON.stringify({ ...row, Stamp: null });
}

/** As the MES keeps what the ERP shows no more. */
function cancelledForm(record: ImageRecord): ImageRecord {
  return 'active' in record.fields
    ? { ...record, fields: { ...record.fields, active: false } }
    : { ...record, onHold: true };
}

function tableOf(path: string): TableName {
  return path.slice(path.lastIndexOf('/') + 1) as TableName;
}

function compare(one: ModelRow, other: ModelRow, order: readonly (readonly string[])[]): number {
  for (const [name = '', direction] of order) {
    const [left, right] = [one[name as keyof ModelRow] ?? '', other[name as keyof ModelRow] ?? ''];
    if (left !== right) return (left < right ? -1 : 1) * (direction === 'desc' ? -1 : 1);
  }
  return 0;
}

/** What the settings of the streams say of this run's tables. */
export function streamSettings({ version, kinds }: ModelSetting, pageSize: number): Record<string, object> {
  return Object.fromEntries(
    tableNames.map((table) => [
      streamOf[table],
      { pageSize, odata: version, ...(table === 'cells' ? {} : { stampKind: kinds[table] }) },
    ]),
  );
}
