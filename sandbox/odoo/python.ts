/** A number that Python holds as a float: it shows a decimal even when it is whole. */
export class Float {
  readonly value: number;

  constructor(value: number) {
    this.value = value;
  }
}

/** What an answer is made of; plain numbers are Python integers. */
export type Json = string | number | boolean | null | Float | readonly Json[] | { readonly [key: string]: Json };

/** `json.dumps(value, ensure_ascii=False)`: blanks after comma and colon, floats with their decimal. */
export function dumps(value: Json): string {
  if (value instanceof Float) return floatText(value.value);
  if (Array.isArray(value)) return `[${value.map((item: Json) => dumps(item)).join(', ')}]`;
  if (typeof value === 'object' && value !== null) {
    const pairs = Object.entries(value).map(([key, item]) => `${JSON.stringify(key)}: ${dumps(item)}`);
    return `{${pairs.join(', ')}}`;
  }
  return JSON.stringify(value);
}

function floatText(value: number): string {
  return Number.isInteger(value) ? `${value}.0` : String(value);
}

/** `repr(value)` of what arrived as JSON, as Odoo puts it into error texts. */
export function repr(value: unknown): string {
  if (value === null || value === undefined) return 'None';
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  if (typeof value === 'string') return reprText(value);
  if (Array.isArray(value)) return `[${value.map(repr).join(', ')}]`;
  if (typeof value === 'object') {
    const pairs = Object.entries(value).map(([key, item]) => `${repr(key)}: ${repr(item)}`);
    return `{${pairs.join(', ')}}`;
  }
  return String(value);
}

function reprText(text: string): string {
  const escaped = text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
  return text.includes("'") && !text.includes('"') ? `"${escaped}"` : `'${escaped.replaceAll("'", "\\'")}'`;
}

/** `repr((field, operator, value))`. */
export function reprCondition(condition: readonly unknown[]): string {
  return `(${condition.map(repr).join(', ')})`;
}
