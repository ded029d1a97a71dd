import type { Answer } from '../types.ts';

/** What answers before any function runs: the gateway and the runtime that hosts the functions. */

const functionPath = /^\/functions\/v1\/([^/]+)(?:\/(.*))?$/;

/** The function a path names, and what follows its name. */
export function functionOf(path: string): { name: string | undefined; rest: string } {
  const [, name, rest = ''] = functionPath.exec(path) ?? [];
  return { name, rest };
}

export function noRoute(): Answer {
  return { status: 404, body: '{"message":"no Route matched with those values"}' };
}

export function unknownFunction(): Answer {
  return { status: 404, body: '{"code":"NOT_FOUND","message":"Requested function was not found"}' };
}

/** A function whose module does not load. */
export function bootError(): Answer {
  return { status: 503, body: '{"code":"BOOT_ERROR","message":"Function failed to start (please check logs)"}' };
}

export function preflight(): Answer {
  return { status: 200, headers: { 'content-type': 'text/plain' }, body: 'ok' };
}
