import { PermanentError } from '../../../core/errors.ts';

export interface ODataQuery {
  /** Path of the entity set. */
  path: string;
  filter?: string | undefined;
  orderBy?: string | undefined;
  top: number;
  select?: readonly string[] | undefined;
}

/** Path and options of one query. */
export function queryPath(query: ODataQuery, always: Readonly<Record<string, string>>): string {
  const named: [string, string | undefined][] = [
    ['$filter', query.filter],
    ['$orderby', query.orderBy],
    ['$top', String(query.top)],
    ['$select', query.select?.join(',')],
  ];
  return withOptions(query.path, {
    ...Object.fromEntries(named.filter(([, value]) => value !== undefined)),
    ...always,
  });
}

/** Adds query options to a path. Names keep their `$` as it is: old proxies stumble over %24. */
export function withOptions(path: string, options: Readonly<Record<string, string | undefined>>): string {
  const pairs = Object.entries(options).map(([name, value]) => `${name}=${encodeURIComponent(value ?? '')}`);
  return pairs.length === 0 ? path : `${path}${path.includes('?') ? '&' : '?'}${pairs.join('&')}`;
}

/**
 * The path and query that a next link means. Links may be relative, name an internal host or another scheme: only path and
 * query are taken, so that nothing is ever sent anywhere but to the configured origin.
 */
export function nextPath(link: string, current: string, always: Readonly<Record<string, string>>): string {
  const base = new URL(current, 'http://origin.invalid');
  const url = URL.canParse(link, base.href) ? new URL(link, base) : undefined;
  // Behind any other scheme, or two slashes, what looks like a path could name another host.
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.pathname.startsWith('//'))
    throw new PermanentError(`The server sent a next link that is no URL of a service: ${link.slice(0, 80)}`);
  const missing = Object.fromEntries(Object.entries(always).filter(([name]) => !url.searchParams.has(name)));
  return withOptions(url.pathname + url.search, missing);
}
