/** What a JSONata expression reads of its row, as far as its text alone tells. */
export interface ExpressionNames {
  /** Every name in it: more than the row's own properties, never fewer. */
  all: readonly string[];
  /** Names that can only be properties of the row itself. */
  ofRow: readonly string[];
  /** Names of which it cannot be told whether they are: `$x.Name` is one where `$x` is the row. */
  doubtful: readonly string[];
  /** It hands on the row as a whole: `$lookup($, "Name")` reads a property that no name tells of. */
  takesRow: boolean;
}

/**
 * What a name is looked up in: the row; a value of it, whose own names nothing here knows; or something that was computed, which
 * may be the row again.
 */
type Context = 'row' | 'value' | 'computed';

interface Node {
  type?: unknown;
  value?: unknown;
  steps?: Node[];
  focus?: unknown;
  stages?: unknown;
  predicate?: unknown;
  group?: unknown;
}

interface Found {
  all: Set<string>;
  ofRow: Set<string>;
  doubtful: Set<string>;
  takesRow: boolean;
}

/** Reads JSONata's own syntax tree, after its path analysis: every name in it is a step of a path. */
export function namesIn(tree: unknown): ExpressionNames {
  const found: Found = { all: new Set(), ofRow: new Set(), doubtful: new Set(), takesRow: false };
  visit(tree, 'row', found);
  const [all, ofRow] = [[...found.all], [...found.ofRow]];
  const doubtful = [...found.doubtful].filter((name) => !found.ofRow.has(name));
  return { all, ofRow, doubtful, takesRow: found.takesRow };
}

function visit(tree: unknown, context: Context, found: Found): void {
  if (typeof tree !== 'object' || tree === null) return;
  const node = tree as Node;
  if (node.type === 'path') visitPath(node, context, found);
  else visitParts(node, context, found);
  if (isWholeRow(node, context) && node.predicate === undefined) found.takesRow = true;
}

/** Each step of a path is looked up in what the step before it has found. */
function visitPath({ steps = [], group }: Node, start: Context, found: Found): void {
  let context = start;
  for (const [index, step] of steps.entries()) {
    const followed = index < steps.length - 1;
    if (followed && step.type === 'variable') visitFilters(step, resultOf(step, context), found);
    else if (step.type === 'name') visitName(step, context, found);
    else visit(step, context, found);
    context = resultOf(step, context);
  }
  visit(group, context, found);
}

function visitName(step: Node, context: Context, found: Found): void {
  const name = String(step.value);
  found.all.add(name);
  if (context === 'row') found.ofRow.add(name);
  if (context === 'computed') found.doubtful.add(name);
  visitFilters(step, 'value', found);
}

/** What stands inside a node is looked up where the node is, but for its filters: these look into what it has found. */
function visitParts(node: Node, context: Context, found: Found): void {
  // The pattern of a transform is looked for in what it is given.
  const inside = node.type === 'transform' ? 'computed' : context;
  const { stages: _stages, predicate: _predicate, group: _group, ...parts } = node;
  for (const part of Object.values(parts)) visit(part, inside, found);
  visitFilters(node, resultOf(node, context), found);
}

function visitFilters({ stages, predicate, group }: Node, context: Context, found: Found): void {
  for (const filter of [stages, predicate, group]) visit(filter, context, found);
}

function resultOf(node: Node, context: Context): Context {
  if (node.focus !== undefined) return 'computed';
  if (node.type === 'sort' || isVariable(node, '')) return context;
  if (isVariable(node, '$')) return 'row';
  if (node.type === 'name' && context !== 'computed') return 'value';
  if (node.type === 'wildcard' || node.type === 'descendant') return context === 'computed' ? 'computed' : 'value';
  return context === 'value' && node.type !== 'parent' && node.type !== 'variable' ? 'value' : 'computed';
}

function isWholeRow(node: Node, context: Context): boolean {
  if (isVariable(node, '$')) return true;
  const isAll = isVariable(node, '') || node.type === 'wildcard' || node.type === 'descendant';
  return context === 'row' && isAll;
}

function isVariable({ type, value }: Node, name: string): boolean {
  return type === 'variable' && value === name;
}
