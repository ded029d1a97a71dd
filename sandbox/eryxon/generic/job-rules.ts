import type { Incoming } from '../tables.ts';

/** One finding, as the 422 of a single write and the `error` of a bulk item show it. */
export interface Finding {
  field: string;
  message: string;
  value?: unknown;
  constraint: string;
  entityType: string;
  entityIndex: number;
}

/** In the order of the real message; the enum type itself has another. */
const statuses = ['not_started', 'in_progress', 'on_hold', 'completed'];
const uuidForm = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const longestName = 255;

type Rule = (value: unknown, field: string) => [constraint: string, message: string] | undefined;

const required: Rule = (value, field) =>
  isEmpty(value) ? ['NOT_NULL', `Missing required string field: ${field}`] : undefined;

function string(longest = Number.POSITIVE_INFINITY): Rule {
  return (value, field) => {
    if (isEmpty(value)) return undefined;
    if (typeof value !== 'string') return ['TYPE_MISMATCH', `Invalid string for ${field}`];
    return value.length > longest ? ['MAX_LENGTH', `${field} must be at most ${longest} characters`] : undefined;
  };
}

const uuid: Rule = (value, field) =>
  value && !isUuid(value) ? ['UUID_FORMAT', `Invalid UUID format for ${field}`] : undefined;

const status: Rule = (value, field) => {
  if (isEmpty(value) || statuses.includes(value as string)) return undefined;
  return ['ENUM_CONSTRAINT', `Invalid value for ${field}. Must be one of: ${statuses.join(', ')}`];
};

const count: Rule = (value, field) => {
  if (value === null || value === undefined) return undefined;
  if (typeof value !== 'number') return ['TYPE_MISMATCH', `Invalid number for ${field}`];
  if (!Number.isInteger(value)) return ['TYPE_MISMATCH', `${field} must be an integer`];
  return value < 0 ? ['MIN_VALUE', `${field} must be >= 0`] : undefined;
};

/** As lenient as the date parser of the language: what the calendar does not have is left to the database. */
const date: Rule = (value, field) =>
  isEmpty(value) || !Number.isNaN(new Date(value as string).getTime())
    ? undefined
    : ['DATE_FORMAT', `Invalid date format for ${field}`];

const rules: readonly (readonly [field: string, ...Rule[]])[] = [
  ['job_number', required, string(longestName)],
  ['current_cell_id', uuid],
  ['status', status],
  ['priority', count],
  ['due_date', date],
  ['customer_name', string(longestName)],
  ['description', string()],
];

/** What the rules find wrong with a job and the parts nested in it; nothing when the list is empty. */
export function jobFindings(job: Incoming): Finding[] {
  const findings: Finding[] = [];
  for (const [field, ...checks] of rules) {
    const value = job[field];
    const fault = checks.map((check) => check(value, field)).find((result) => result !== undefined);
    if (fault !== undefined) findings.push({ ...finding('job', field, fault), value });
  }
  if (job['parts'] !== undefined) findings.push(...partsFindings(job['parts']));
  // The value comes between message and constraint, and not at all when there is none.
  return findings.map(({ field, message, value, ...rest }) => ({ field, message, value, ...rest }));
}

function partsFindings(parts: unknown): Finding[] {
  if (parts === null) return [finding('job', 'parts', ['NOT_NULL', 'Missing required array field: parts'])];
  if (!Array.isArray(parts)) return [finding('job', 'parts', ['TYPE_MISMATCH', 'Invalid array for parts'])];
  if (parts.length === 0) {
    return [{ ...finding('job', 'parts', ['MIN_LENGTH', 'parts must have at least 1 items']), value: 0 }];
  }
  const findings = parts.flatMap((part: Incoming, index) => partFindings(part, `parts[${index}]`));
  const repeated = repeats(parts.map((part: Incoming) => part['part_number']));
  if (repeated.length > 0) {
    const message = `Duplicate part numbers found: ${repeated.join(', ')}`;
    findings.push(finding('job', 'parts', ['UNIQUE_CONSTRAINT', message]));
  }
  return findings;
}

function partFindings(part: Incoming, path: string): Finding[] {
  const findings: Finding[] = [];
  const add = (field: string, ...fault: [string, string]) =>
    void findings.push(finding('part', `${path}.${field}`, fault));
  const { part_number: number, quantity, operations } = part;
  if (!number || (number as string).trim() === '') add('part_number', 'NOT_NULL', 'Part number is required');
  else if ((number as string).length > longestName) {
    add('part_number', 'MAX_LENGTH', 'Part number must be at most 255 characters');
  }
  if (quantity === null || quantity === undefined) add('quantity', 'NOT_NULL', 'Part quantity is required');
  else if (typeof quantity !== 'number' || quantity < 1) add('quantity', 'MIN_VALUE', 'Part quantity must be >= 1');
  for (const field of ['parent_part_id', 'current_cell_id', 'material_id']) {
    const fault = uuid(part[field], field);
    if (fault !== undefined) add(field, ...fault);
  }
  if (!Array.isArray(operations)) add('operations', 'NOT_NULL', 'Operations array is required');
  else if (operations.length === 0) add('operations', 'MIN_LENGTH', 'At least one operation is required per part');
  else findings.push(...operationsFindings(operations, path));
  return findings;
}

function operationsFindings(operations: Incoming[], path: string): Finding[] {
  const findings = operations.flatMap((operation, index) =>
    operationFindings(operation, `${path}.operations[${index}]`),
  );
  const repeated = repeats(operations.map((operation) => operation['sequence']));
  if (repeated.length > 0) {
    const message = `Duplicate sequence numbers found: ${repeated.join(', ')}`;
    findings.push(finding('part', `${path}.operations`, ['UNIQUE_CONSTRAINT', message]));
  }
  return findings;
}

function operationFindings(operation: Incoming, path: string): Finding[] {
  const findings: Finding[] = [];
  const add = (field: string, ...fault: [string, string]) =>
    void findings.push(finding('operation', `${path}.${field}`, fault));
  const { operation_name: name, sequence } = operation;
  if (!name || (name as string).trim() === '') add('operation_name', 'NOT_NULL', 'Operation name is required');
  if (sequence === null || sequence === undefined) add('sequence', 'NOT_NULL', 'Operation sequence is required');
  else if (!Number.isInteger(sequence) || (sequence as number) < 1) {
    add('sequence', 'MIN_VALUE', 'Operation sequence must be a positive integer');
  }
  for (const field of ['cell_id', 'assigned_operator_id']) {
    const fault = uuid(operation[field], field);
    if (fault !== undefined) add(field, ...fault);
  }
  for (const [field, words] of [
    ['estimated_time_minutes', 'Estimated time'],
    ['setup_time_minutes', 'Setup time'],
  ] as const) {
    const minutes = operation[field] ?? 0;
    if (typeof minutes !== 'number' || minutes < 0) add(field, 'MIN_VALUE', `${words} must be >= 0`);
  }
  return findings;
}

function finding(entityType: string, field: string, [constraint, message]: [string, string]): Finding {
  return { field, message, constraint, entityType, entityIndex: 0 };
}

function repeats(values: readonly unknown[]): unknown[] {
  return [...new Set(values.filter((value, index) => values.indexOf(value) !== index))];
}

function isEmpty(value: unknown): boolean {
  return value === null || value === undefined || value === '';
}

function isUuid(value: unknown): boolean {
  return typeof value === 'string' && uuidForm.test(value);
}
