import type { Random } from './random.ts';
import type { Answer, Faults } from './types.ts';

/** What will go wrong with one request. */
export interface Fault {
  kind: FaultKind | 'none';
  /** Wait this long before anything else happens. */
  delayMs: number;
  /** For `reset` and `serverError`: the request takes effect before it fails. */
  late: boolean;
  /** For `trickle`: the answer never ends. */
  endless: boolean;
  /** Answer this; the handler never hears of the request. */
  instead?: Answer;
  /** Answer this although the handler ran. */
  afterwards?: Answer;
}

type FaultKind = Exclude<keyof Faults, 'latencyMs'>;

/** How much of everything goes wrong: nothing, a bad day (1 to 3 % of each), or a network to be ashamed of (5 % of each). */
export type FaultLevel = 'none' | 'some' | 'all';

/** The shares behind a level; a caller who needs others gives them itself. */
export function faultsOf(level: FaultLevel | Faults): Faults {
  if (typeof level === 'object') return level;
  if (level === 'none') return {};
  if (level === 'all') return { latencyMs: 50, ...allAt(0.05) };
  return { ...allAt(0.01), latencyMs: 20, serverError: 0.03, reset: 0.02, tooManyRequests: 0.02 };
}

const kinds = ['tooManyRequests', 'serverError', 'trickle', 'reset', 'html', 'truncate'] as const satisfies FaultKind[];
/** One trickle in so many never ends: the client's own time limit has to. */
const endlessOneIn = 5;

function allAt(share: number): Record<FaultKind, number> {
  return { tooManyRequests: share, serverError: share, trickle: share, reset: share, html: share, truncate: share };
}

/**
 * Decides the fate of one request. Always draws four numbers, so that the n-th request meets the same fault whatever
 * became of those before it.
 */
export function drawFault(faults: Faults, random: Random): Fault {
  const [roll, half, detail, delay] = [random.next(), random.next(), random.next(), random.next()];
  const fault: Fault = {
    kind: kindOf(faults, roll),
    delayMs: Math.round((faults.latencyMs ?? 0) * delay),
    late: half < 0.5,
    endless: detail < 1 / endlessOneIn,
  };
  if (fault.kind === 'tooManyRequests') return { ...fault, instead: tooMany };
  if (fault.kind === 'html') return { ...fault, instead: logonPage };
  if (fault.kind !== 'serverError') return fault;
  const answer = brokenGateways[Math.floor(detail * brokenGateways.length)] ?? brokenGateways[0];
  return fault.late ? { ...fault, afterwards: answer } : { ...fault, instead: answer };
}

function kindOf(faults: Faults, roll: number): FaultKind | 'none' {
  let edge = 0;
  for (const kind of kinds) {
    edge += faults[kind] ?? 0;
    if (roll < edge) return kind;
  }
  return 'none';
}

const tooMany: Answer = {
  status: 429,
  headers: { 'retry-after': '1' },
  body: '{"message":"API rate limit exceeded"}',
};

/** What a single-sign-on proxy sends when it lost the session: status 200, so only the content tells. */
const logonPage: Answer = {
  status: 200,
  headers: { 'content-type': 'text/html; charset=utf-8' },
  body: '<!DOCTYPE html><html><head><title>Logon</title></head><body><form action="/logon" method="post">Logon</form></body></html>',
};

const brokenGateways: [Answer, ...Answer[]] = [
  { status: 500, body: '{"message":"An unexpected error occurred"}' },
  { status: 502, headers: { 'content-type': 'text/html' }, body: '<html><body><h1>502 Bad Gateway</h1></body></html>' },
  { status: 503, body: '{"message":"name resolution failed"}' },
];
