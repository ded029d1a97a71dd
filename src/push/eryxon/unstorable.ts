import type { Change } from '../../core/types.ts';

/** How JSON writes NUL, half a surrogate pair, and few characters else. */
const escaped = '\\u';

/**
 * Why no database behind a MES can store a record's texts as they are; undefined when it can. PostgreSQL takes neither NUL nor half a
 * surrogate pair, and refuses the whole batch that such a text is in.
 */
export function unstorable({ record: { externalId, fields }, fieldsJson }: Change): string | undefined {
  // Nearly every record is done with here.
  if (!fieldsJson.includes(escaped) && externalId.isWellFormed() && !externalId.includes('\0')) return undefined;
  for (const [name, value] of [['external_id', externalId] as const, ...Object.entries(fields)]) {
    if (typeof value !== 'string') continue;
    if (value.includes('\0')) return `${name} holds a NUL character, which no database text may: ${shown(value)}.`;
    if (!value.isWellFormed()) return `${name} holds half a surrogate pair, which is no character: ${shown(value)}.`;
  }
  return undefined;
}

function shown(value: string): string {
  return JSON.stringify(value.slice(0, 60));
}
