/** A JSON Schema, as far as it is looked into here. */
interface Schema {
  properties?: Record<string, Schema>;
  additionalProperties?: Schema | boolean;
  const?: unknown;
  anyOf?: Schema[];
  oneOf?: Schema[];
  allOf?: Schema[];
}

/** Names of the settings that a section may have, the section being told by its path; of several forms those that fit what is written. */
export function settingsAt(schema: Schema, raw: unknown, at: readonly PropertyKey[]): string[] {
  let forms = formsOf([schema], raw);
  let value = raw;
  for (const key of at) {
    value = (value as Record<PropertyKey, unknown> | null | undefined)?.[key];
    forms = formsOf(
      forms.flatMap((form) => form.properties?.[String(key)] ?? othersOf(form)),
      value,
    );
  }
  return [...new Set(forms.flatMap(({ properties = {} }) => Object.keys(properties)))];
}

function othersOf({ additionalProperties }: Schema): Schema[] {
  return typeof additionalProperties === 'object' ? [additionalProperties] : [];
}

function formsOf(schemas: readonly Schema[], value: unknown): Schema[] {
  return schemas
    .flatMap((schema) => [
      schema,
      ...formsOf(
        [schema.anyOf, schema.oneOf, schema.allOf].flatMap((some) => some ?? []),
        value,
      ),
    ])
    .filter((form) => fits(form, value));
}

/** Nothing that tells one form from another says otherwise. */
function fits({ properties = {} }: Schema, value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return true;
  const written = value as Record<string, unknown>;
  return Object.entries(properties).every(
    ([name, own]) => own.const === undefined || written[name] === undefined || written[name] === own.const,
  );
}

/** The known name that was meant, if one is near enough to what was written. */
export function nearest(written: string, known: readonly string[]): string | undefined {
  const wanted = written.toLowerCase();
  const far = (name: string) => distance(wanted, name.toLowerCase());
  const [best] = known.toSorted((a, b) => far(a) - far(b));
  if (best !== undefined && far(best) <= Math.max(1, Math.floor(written.length / 3))) return best;
  return known.find((name) => written.length > 2 && name.toLowerCase().startsWith(wanted));
}

/** Letters that have to be put in, left out, replaced, or swapped with the next one. */
function distance(a: string, b: string): number {
  const rows = [Array.from({ length: b.length + 1 }, (_, column) => column)];
  const at = (row: number, column: number) => rows[row]?.[column] ?? 0;
  for (let row = 1; row <= a.length; row += 1) {
    const current = [row];
    rows.push(current);
    for (let column = 1; column <= b.length; column += 1) {
      const same = a[row - 1] === b[column - 1] ? 0 : 1;
      const steps = [at(row - 1, column) + 1, at(row, column - 1) + 1, at(row - 1, column - 1) + same];
      const isSwapped = row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1];
      if (isSwapped) steps.push(at(row - 2, column - 2) + 1);
      current.push(Math.min(...steps));
    }
  }
  return at(a.length, b.length);
}
