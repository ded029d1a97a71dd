import { type ExpressionNames, namesIn } from './expression-names.ts';

/** Evaluates an operator's JSONata expression over one row. */
export interface Expression {
  names: ExpressionNames;
  evaluate(row: unknown): Promise<unknown>;
}

/** Bounds on one evaluation: a mapping that loops costs one row, not the daemon. They are looked at between two steps of it. */
const bounds = { timeout: 200, stack: 200, sequence: 100_000 };

const propertyPath = /^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*$/;

/** A plain property path needs no JSONata: it is read as fast as the built-in mapping. */
export function isPropertyPath(text: string): boolean {
  return propertyPath.test(text);
}

/** Compiles once; JSONata is loaded only when an expression is used. Throws when the text is not JSONata. */
export async function compileExpression(text: string): Promise<Expression> {
  const [{ default: jsonata }, { BoundedRegex }] = await Promise.all([import('jsonata'), import('./bounded-regex.ts')]);
  // Made by `new` alone, also for texts that are put together at run time.
  const compiled = jsonata(text, { ...bounds, RegexEngine: BoundedRegex as unknown as RegExpConstructor });
  compiled.registerFunction('pad', pad, '<s-ns?:s>');
  return { names: namesIn(compiled.ast()), evaluate: (row) => compiled.evaluate(row) };
}

/** JSONata's own, which makes a text of any length in one step. */
function pad(text: string | undefined, width: number, filling = ' '): string | undefined {
  if (text === undefined) return undefined;
  const missing = Math.abs(Math.trunc(width)) - [...text].length;
  if (missing <= 0) return text;
  if (missing > bounds.sequence) throw new Error(`$pad may add ${bounds.sequence} characters, not ${missing}`);
  const pattern = [...(filling || ' ')].slice(0, missing);
  const added = Array.from({ length: missing }, (_, at) => pattern[at % pattern.length]).join('');
  return width > 0 ? text + added : added + text;
}

/** What is wrong with an expression; undefined when nothing is. */
export async function assertExpression(text: string): Promise<string | undefined> {
  if (isPropertyPath(text)) return undefined;
  try {
    await compileExpression(text);
    return undefined;
  } catch (error) {
    return `is neither a property path nor a JSONata expression: ${describe(error)}`;
  }
}

/** JSONata throws plain objects with a message, a position and a code. */
function describe(error: unknown): string {
  const { message, position } = error as { message?: unknown; position?: unknown };
  const where = typeof position === 'number' ? ` at character ${position}` : '';
  return `${typeof message === 'string' ? message : String(error)}${where}`;
}
