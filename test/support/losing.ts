import { TransientError } from '../../src/core/errors.ts';
import { createHttpClient, type HttpRequest, type HttpResponse, type OpenHttp } from '../../src/core/http.ts';

/** A way to the MES on which requests are carried out, and answers do not come. */
export interface Losing {
  openHttp: OpenHttp;
  /** Whether the answer to this one is lost; none is at first. */
  loses(request: HttpRequest): boolean;
  /** Called with each of those: what becomes of it. */
  lose(): Promise<HttpResponse>;
  lost: number;
  /** The program has died: nothing more goes out. */
  dead: boolean;
}

export function createLosing(): Losing {
  const losing: Losing = {
    loses: () => false,
    lose: () => Promise.reject(new TransientError('reset')),
    lost: 0,
    dead: false,
    openHttp(options) {
      const client = createHttpClient(options);
      return {
        close: client.close,
        async request(request, aborted) {
          if (options.system !== 'mes') return client.request(request, aborted);
          if (losing.dead) throw new TransientError('dead');
          const answer = await client.request(request, aborted);
          if (!losing.loses(request)) return answer;
          losing.lost += 1;
          return losing.lose();
        },
      };
    },
  };
  return losing;
}

/** From the next lost answer on the program hangs, until `die` lets go of it. */
export function hang(losing: Losing): { underWay: Promise<void>; die(): void } {
  const { promise: died, resolve } = Promise.withResolvers<void>();
  const { promise: underWay, resolve: begun } = Promise.withResolvers<void>();
  losing.lose = async () => {
    begun();
    await died;
    throw new TransientError('reset');
  };
  return {
    underWay,
    die() {
      losing.dead = true;
      resolve();
    },
  };
}
