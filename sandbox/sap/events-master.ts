import { addDays } from '../local-time.ts';
import { anyText } from '../random-values.ts';
import { buildWorkCenter } from './build.ts';
import type { Change, Transaction } from './database.ts';
import { type Equipment, endOfTime, strip, type WorkCenter } from './model.ts';
import { type Event, lockOf, pickRow, secondNow, stampNow, today, type World } from './world.ts';

/** The transaction that writes a work center. */
export function workCenterWritten(row: WorkCenter, verb: string): Transaction {
  const label = `work center ${row.Plant}-${row.WorkCenter} ${verb}`;
  return { label, locks: [lockOf('workCenters', row)], changes: [{ table: 'workCenters', row }] };
}

export const workCenterCreated: Event = (world) => {
  const row = buildWorkCenter(world.random, world.numbers.workCenter, { ms: world.now(), ticks: 0 });
  world.numbers.workCenter += 1;
  return workCenterWritten(row, 'created');
};

export const workCenterRenamed: Event = (world) => {
  const row = pickRow(world, 'workCenters');
  if (row === undefined) return undefined;
  const WorkCenterDesc = `${anyText(world.random)} ${world.random.int(1, 999)}`.trim();
  return workCenterWritten({ ...row, WorkCenterDesc, WorkCenterLastChangeDateTime: stampNow(world) }, 'renamed');
};

export const workCenterToBeDeleted: Event = (world) => {
  const row = pickRow(world, 'workCenters', (candidate) => !candidate.WorkCenterIsToBeDeleted);
  if (row === undefined) return undefined;
  const changed = { WorkCenterIsToBeDeleted: true, WorkCenterLastChangeDateTime: stampNow(world) };
  return workCenterWritten({ ...row, ...changed }, 'to be deleted');
};

/** The transaction that writes validity segments of one piece of equipment. */
export function equipmentWritten(rows: readonly Equipment[], verb: string): Transaction | undefined {
  const [row] = rows;
  if (row === undefined) return undefined;
  const changes = rows.map((each): Change => ({ table: 'equipment', row: each }));
  return { label: `equipment ${strip(row.Equipment)} ${verb}`, locks: [lockOf('equipment', row)], changes };
}

function pickCurrent(world: World): Equipment | undefined {
  return pickRow(world, 'equipment', (row) => row.ValidityEndDate === endOfTime);
}

function edited(row: Equipment, world: World): Equipment {
  const { random } = world;
  return {
    ...row,
    EquipmentName: anyText(random),
    AssetLocation: random.pick(['HALL-A', 'HALL-C', '']),
    EquipmentIsMarkedForDeletion: random.chance(0.15),
    LastChangeDateTime: secondNow(world),
  };
}

export const equipmentChanged: Event = (world) => {
  const row = pickCurrent(world);
  return row === undefined ? undefined : equipmentWritten([edited(row, world)], 'changed');
};

/** Closes the current segment yesterday and opens one from today; both rows carry the new stamp. */
export const equipmentMoved: Event = (world) => {
  const row = pickCurrent(world);
  const yesterday = addDays(today(world), -1);
  if (row === undefined || row.ValidityStartDate > yesterday) return equipmentChanged(world);
  const closed = { ...row, ValidityEndDate: yesterday, LastChangeDateTime: secondNow(world) };
  const opened = { ...edited(row, world), ValidityStartDate: today(world) };
  return equipmentWritten([opened, closed], 'got a new validity segment');
};
