import { badQuery } from '../errors.ts';

/** One word of a statement; `text` of a word is in lower case, of a string without its quotes. */
export interface Token {
  kind: 'word' | 'quoted' | 'string' | 'number' | 'symbol' | 'end';
  text: string;
  at: number;
}

const pattern = new RegExp(
  [
    /(?<space>\s+|--[^\n]*|\/\*[\s\S]*?\*\/)/,
    /(?<word>[A-Za-z_][A-Za-z0-9_$#]*)/,
    /(?<number>\d+(?:\.\d+)?|\.\d+)/,
    /'(?<string>(?:[^']|'')*)'/,
    /"(?<quoted>[^"]+)"/,
    /(?<symbol><=|>=|<>|!=|\^=|\|\||[=<>(),.*/+-])/,
  ]
    .map(({ source }) => source)
    .join('|'),
  'y',
);

/** Cuts a statement into tokens; throws for what has no place in SuiteQL, such as `[`, `?`, `:name` or `;`. */
export function tokenize(sql: string): Token[] {
  const tokens: Token[] = [];
  pattern.lastIndex = 0;
  while (pattern.lastIndex < sql.length) {
    const at = pattern.lastIndex;
    const groups = pattern.exec(sql)?.groups;
    if (groups === undefined) throw parseError(sql, at);
    const token = tokenOf(groups, at);
    if (token !== undefined) tokens.push(token);
  }
  tokens.push({ kind: 'end', text: '', at: sql.length });
  return tokens;
}

function tokenOf(groups: Record<string, string | undefined>, at: number): Token | undefined {
  const { word, number, string, quoted, symbol } = groups;
  if (word !== undefined) return { kind: 'word', text: word.toLowerCase(), at };
  if (number !== undefined) return { kind: 'number', text: number, at };
  if (string !== undefined) return { kind: 'string', text: string.replaceAll("''", "'"), at };
  if (quoted !== undefined) return { kind: 'quoted', text: quoted, at };
  return symbol === undefined ? undefined : { kind: 'symbol', text: symbol, at };
}

/** The text of a syntax error, with what stands at the place. */
export function parseError(sql: string, at: number): Error {
  const near = sql.slice(at, at + 30).trim();
  return badQuery(
    `Failed to parse SQL [${sql}]: syntax error, state:0 near: ${near === '' ? 'end of statement' : near}`,
  );
}
