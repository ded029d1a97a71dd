import v8 from 'node:v8';
import { ConfigError } from '../core/errors.ts';
import { type ExpressionNames, namesIn } from './expression-names.ts';

/** Evaluates an operator's JSONata expression over one row. */
export interface Expression {
  names: ExpressionNames;
  evaluate(row: unknown): Promise<unknown>;
}

/** Bounds on one evaluation: a mapping that loops costs one row, not the daemon. They are looked at between two steps of it. */
const bounds = { timeout: 200, stack: 200, sequence: 100_000 };

/** A search that tries too much is done anew by V8's other engine, whose time grows with the text alone. */
const regexBound = '--enable-experimental-regexp-engine-on-excessive-backtracks';
/** Back-references and look-around: what that engine cannot do. */
const beyondBound = /\\(?:[1-9]|k<)|\(\?<?[=!]/;

const propertyPath = /^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*$/;

/** A plain property path needs no JSONata: it is read as fast as the built-in mapping. */
export function isPropertyPath(text: string): boolean {
  return propertyPath.test(text);
}

/** Compiles once; JSONata is loaded only when an expression is used. Throws when the text is not JSONata, or no bound can end it. */
export async function compileExpression(text: string): Promise<Expression> {
  const { default: jsonata } = await import('jsonata');
  const compiled = jsonata(text, bounds);
  const tree = compiled.ast();
  for (const { source } of regexesIn(tree)) {
    if (!beyondBound.test(source.replaceAll('\\\\', ''))) continue;
    throw new ConfigError(
      `looks around, or back, in the regular expression /${source}/, which may take for ever: write it without`,
    );
  }
  v8.setFlagsFromString(regexBound);
  compiled.registerFunction('pad', pad, '<s-ns?:s>');
  return { names: namesIn(tree), evaluate: (row) => compiled.evaluate(row) };
}

function regexesIn(tree: unknown): RegExp[] {
  if (tree instanceof RegExp) return [tree];
  return typeof tree === 'object' && tree !== null ? Object.values(tree).flatMap(regexesIn) : [];
}

/** JSONata's own, which makes a text of any length in one step. */
function pad(text: string | undefined, width: number, filling = ' '): string | undefined {
  if (text === undefined) return undefined;
  const missing = Math.abs(Math.trunc(width)) - [...text].length;
  if (missing <= 0) return text;
  if (missing > bounds.sequence) throw new Error(`$pad may add ${bounds.sequence} characters, not ${missing}`);
  const added = [...(filling || ' ').repeat(missing)].slice(0, missing).join('');
  return width > 0 ? text + added : added + text;
}

/** What is wrong with an expression; undefined when nothing is. */
export async function assertExpression(text: string): Promise<string | undefined> {
  if (isPropertyPath(text)) return undefined;
  try {
    await compileExpression(text);
    return undefined;
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    return `is neither a property path nor a JSONata expression: ${describe(error)}`;
  }
}

/** JSONata throws plain objects with a message, a position and a code. */
function describe(error: unknown): string {
  const { message, position } = error as { message?: unknown; position?: unknown };
  const where = typeof position === 'number' ? ` at character ${position}` : '';
  return `${typeof message === 'string' ? message : String(error)}${where}`;
}
