import type { ServerResponse } from 'node:http';
import type { Answer } from './types.ts';

/** An answer and the open response that will carry it. */
export interface Outgoing {
  response: ServerResponse;
  answer: Answer;
}

const trickleChunks = 30;
const trickleEveryMs = 100;
const endlessEveryMs = 300;

/**
 * Sends half of the body and resets the connection: the client has seen a status and cannot know what became of its
 * request.
 */
export function sendBroken({ response, answer }: Outgoing): void {
  const body = Buffer.from(answer.body);
  response.writeHead(answer.status, { ...answer.headers, 'content-length': String(body.length + 1) });
  response.write(body.subarray(0, Math.ceil(body.length / 2)), () => response.socket?.resetAndDestroy());
}

/**
 * Sends the body slowly: in about three seconds, or one byte every 300 ms and blanks for ever after, which only a time
 * limit on the whole answer ends (each byte renews a limit on silence).
 */
export function sendTrickle({ response, answer }: Outgoing, endless: boolean): void {
  const body = Buffer.from(answer.body);
  const step = endless ? 1 : Math.max(1, Math.ceil(body.length / trickleChunks));
  let sent = 0;
  // No content-length: an endless answer cannot have one.
  response.writeHead(answer.status, { ...answer.headers });
  const timer = setInterval(
    () => {
      if (sent < body.length) response.write(body.subarray(sent, sent + step));
      else if (endless) response.write(' ');
      sent += step;
      if (!endless && sent >= body.length) {
        clearInterval(timer);
        response.end();
      }
    },
    endless ? endlessEveryMs : trickleEveryMs,
  );
  response.on('close', () => clearInterval(timer));
}
