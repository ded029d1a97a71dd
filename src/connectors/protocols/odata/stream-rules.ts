import { type SettingProblem, unknownNames } from '../../stream-rules.ts';
import type { ODataStreamDefinition } from './stream.ts';

/** Rules between the settings of one stream, and between them and what the stream is; looks at them as they were written. */
export function checkODataStream(
  definition: ODataStreamDefinition<never>,
  own: Readonly<Record<string, unknown>>,
): SettingProblem[] {
  const { schema, keySchema, validTo, parentProperty } = definition;
  const beside = [validTo, parentProperty].filter((name) => name !== null);
  const known = new Set([...Object.keys(schema.shape), ...Object.keys(keySchema.shape), ...beside]);
  return [...unknownNames('properties', own, known), ...checkStamp(definition, own)];
}

/** A stream that has no stamps of its own needs both: which property, and what it holds. */
function checkStamp(
  { name, stamp: usual }: ODataStreamDefinition<never>,
  { stamp, stampKind }: Readonly<Record<string, unknown>>,
): SettingProblem[] {
  if (stamp !== undefined && stampKind === 'none') {
    return [
      { path: ['stamp'], text: 'has no effect beside stampKind none, which reads the stream whole: leave one out' },
    ];
  }
  if (usual !== null) return [];
  if (stamp !== undefined && stampKind === undefined) {
    const text = `has no effect on ${name}, which are read whole, unless stampKind says how it stamps: set stampKind too, or leave stamp out`;
    return [{ path: ['stamp'], text }];
  }
  if (stamp !== undefined || stampKind === undefined || stampKind === 'none') return [];
  const text = `needs stamp beside it: ${name} have no change stamp of their own. Name the property that holds it, or leave stampKind out`;
  return [{ path: ['stampKind'], text }];
}
