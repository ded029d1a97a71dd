import { searchError } from '../errors.ts';
import { formatMoment, parseMoment } from './masks.ts';
import {
  compare,
  type Interval,
  isInterval,
  isMoment,
  numberOf,
  type Session,
  type SqlValue,
  textOf,
  wallTimeOf,
} from './values.ts';

/** A function of single rows; operands are evaluated before it is called. */
interface SqlFunction {
  /** How many operands it takes, at least and at most. */
  least: number;
  most: number;
  call(operands: readonly SqlValue[], session: Session): SqlValue;
}

/** Zone of SYSDATE: that of NetSuite's own machines. */
const serverZone = 'America/Los_Angeles';
const dayMs = 86_400_000;

const functions = new Map<string, SqlFunction>();

function define(name: string, [least, most]: [number, number], call: SqlFunction['call']): void {
  functions.set(name, { least, most, call });
}

/** A function that is null as soon as one of its operands is. */
function strict(
  name: string,
  arity: [number, number],
  call: (operands: readonly Exclude<SqlValue, null>[], session: Session) => SqlValue,
): void {
  define(name, arity, (operands, session) =>
    operands.some((operand) => operand === null) ? null : call(operands as Exclude<SqlValue, null>[], session),
  );
}

/** Finds a function by its name in lower case and checks the number of operands; undefined for an unknown name. */
export function findFunction(name: string, operands: number): SqlFunction | undefined {
  const found = functions.get(name);
  if (found === undefined) return undefined;
  if (operands < found.least || operands > found.most) {
    throw searchError(`ORA-00909: invalid number of arguments: ${name.toUpperCase()}`);
  }
  return found;
}

// Operands that are left out read as undefined, which only the functions with a choice of arity look at.
const some = (value: SqlValue | undefined): Exclude<SqlValue, null> => value as Exclude<SqlValue, null>;

strict('to_char', [1, 2], ([value, mask], session) => {
  if (!isMoment(some(value))) return textOf(some(value), session);
  const wall = wallTimeOf(value as never, session);
  return formatMoment(mask === undefined ? session.dateFormat : String(mask), wall);
});
strict('to_date', [1, 2], ([text, mask], { dateFormat }) => ({
  kind: 'date',
  ms: parseMoment(String(mask ?? dateFormat), String(text)),
}));
strict('to_timestamp', [1, 2], ([text, mask], { dateFormat }) => ({
  kind: 'timestamp',
  ms: parseMoment(String(mask ?? dateFormat), String(text)),
}));
strict('sys_extract_utc', [1, 1], ([value]) => {
  const moment = some(value);
  if (!isMoment(moment) || moment.kind !== 'zoned') {
    throw searchError('ORA-30175: invalid type given for an argument: SYS_EXTRACT_UTC');
  }
  return { kind: 'timestamp', ms: moment.ms };
});
strict('numtodsinterval', [2, 2], ([amount, unit]) => {
  const ms = { SECOND: 1000, MINUTE: 60_000, HOUR: 3_600_000, DAY: dayMs }[String(unit).toUpperCase()];
  if (ms === undefined) throw searchError(`ORA-01760: illegal argument for function: ${String(unit)}`);
  return { kind: 'interval', ms: numberOf(some(amount)) * ms } satisfies Interval;
});
strict('trunc', [1, 2], ([value, digits], session) => {
  const given = some(value);
  if (isMoment(given)) return { kind: 'date', ms: Math.floor(wallTimeOf(given, session) / dayMs) * dayMs };
  const scale = 10 ** Number(digits ?? 0);
  return Math.trunc(numberOf(given) * scale) / scale;
});
strict('round', [1, 2], ([value, digits]) => {
  const scale = 10 ** Number(digits ?? 0);
  const number = numberOf(some(value));
  return (Math.sign(number) * Math.round(Math.abs(number) * scale)) / scale;
});
strict('to_number', [1, 1], ([value]) => numberOf(some(value)));
strict('abs', [1, 1], ([value]) => Math.abs(numberOf(some(value))));
strict('ceil', [1, 1], ([value]) => Math.ceil(numberOf(some(value))));
strict('floor', [1, 1], ([value]) => Math.floor(numberOf(some(value))));
strict('sign', [1, 1], ([value]) => Math.sign(numberOf(some(value))));
strict('mod', [2, 2], ([value, divisor]) => numberOf(some(value)) % numberOf(some(divisor)));
strict('upper', [1, 1], ([value], session) => textOf(some(value), session).toUpperCase());
strict('lower', [1, 1], ([value], session) => textOf(some(value), session).toLowerCase());
strict('trim', [1, 1], ([value], session) => textOf(some(value), session).trim() || null);
strict('length', [1, 1], ([value], session) => textOf(some(value), session).length);
strict('instr', [2, 2], ([value, part], session) => textOf(some(value), session).indexOf(String(part)) + 1);
strict('substr', [2, 3], ([value, from, length], session) => {
  const text = textOf(some(value), session);
  const start = numberOf(some(from));
  const begin = start < 0 ? text.length + start : Math.max(0, start - 1);
  return text.slice(begin, length === undefined ? undefined : begin + numberOf(length)) || null;
});
strict('lpad', [2, 3], ([value, length, filler], session) => {
  const width = numberOf(some(length));
  return textOf(some(value), session)
    .padStart(width, String(filler ?? ' '))
    .slice(0, width);
});
define('replace', [2, 3], ([value = null, part = null, by = null], session) =>
  value === null
    ? null
    : textOf(value, session).replaceAll(String(part ?? '\0'), by === null ? '' : String(by)) || null);
define('concat', [2, 2], ([left = null, right = null], session) => joined(left, right, session));
define('nvl', [2, 2], ([value = null, other = null]) => value ?? other);
define('nvl2', [3, 3], ([value = null, present = null, absent = null]) => (value === null ? absent : present));
define('coalesce', [2, 50], (operands) => operands.find((operand) => operand !== null) ?? null);
define('nullif', [2, 2], ([value = null, other = null], session) =>
  compare(value, other, session) === 0 ? null : value);
define('decode', [3, 255], ([value = null, ...pairs], session) => {
  for (let index = 0; index + 1 < pairs.length; index += 2) {
    const candidate = pairs[index] ?? null;
    // DECODE is the one place where null equals null.
    if ((value === null && candidate === null) || compare(value, candidate, session) === 0)
      return pairs[index + 1] ?? null;
  }
  return pairs.length % 2 === 1 ? (pairs.at(-1) ?? null) : null;
});
for (const [name, wanted] of [
  ['greatest', 1],
  ['least', -1],
] as const) {
  strict(name, [1, 50], (operands, session) =>
    operands.reduce((best, one) => (Math.sign(compare(one, best, session) ?? 0) === wanted ? one : best)),
  );
}
for (const type of ['varchar', 'varchar2', 'char']) {
  strict(`cast ${type}`, [1, 1], ([value], session) => textOf(some(value), session));
}
for (const type of ['number', 'integer', 'float', 'decimal']) {
  strict(`cast ${type}`, [1, 1], ([value]) => numberOf(some(value)));
}
for (const name of ['current_timestamp', 'systimestamp'])
  define(name, [0, 0], (_, { now }) => ({ kind: 'zoned', ms: now }));
define('sysdate', [0, 0], (_, session) => ({
  kind: 'date',
  ms: secondsOnly(wallTimeOf({ kind: 'zoned', ms: session.now }, { ...session, zone: serverZone })),
}));
define('current_date', [0, 0], (_, session) => ({
  kind: 'date',
  ms: secondsOnly(wallTimeOf({ kind: 'zoned', ms: session.now }, session)),
}));

function secondsOnly(ms: number): number {
  return Math.floor(ms / 1000) * 1000;
}

/** Texts one behind the other; null is the empty text. */
export function joined(left: SqlValue, right: SqlValue, session: Session): SqlValue {
  const text = `${left === null ? '' : textOf(left, session)}${right === null ? '' : textOf(right, session)}`;
  return text === '' ? null : text;
}

/** `+`, `-`, `*` and `/`, also of moments and days or intervals. */
export function calculate(operator: '+' | '-' | '*' | '/', left: SqlValue, right: SqlValue): SqlValue {
  if (left === null || right === null) return null;
  if (operator === '+' && isMoment(right)) return moved(right, left, 1);
  if (isMoment(left) && isMoment(right) && operator === '-') return (left.ms - right.ms) / dayMs;
  if (isMoment(left)) return moved(left, right, operator === '-' ? -1 : 1);
  const [one, other] = [numberOf(left), numberOf(right)];
  if (operator === '/' && other === 0) throw searchError('ORA-01476: divisor is equal to zero');
  return { '+': one + other, '-': one - other, '*': one * other, '/': one / other }[operator];
}

function moved(moment: SqlValue, by: Exclude<SqlValue, null>, sign: number): SqlValue {
  if (!isMoment(moment)) throw searchError('ORA-00932: inconsistent datatypes');
  return { kind: moment.kind, ms: moment.ms + sign * (isInterval(by) ? by.ms : numberOf(by) * dayMs) };
}
