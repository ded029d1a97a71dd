import { type ChildProcess, fork } from 'node:child_process';
import type { Command, Load, Reply, Seen } from './server.ts';

/** The server process, as the runner steers it. */
export interface Systems {
  origin: string;
  /** Serves these records from now on; resolves to the bytes of a thousand rows. */
  prepare(load: Load): Promise<number>;
  /** What was seen since the last time, and the MES emptied. */
  take(): Promise<Seen>;
  stop(): void;
}

export async function startSystems(): Promise<Systems> {
  const child = fork(new URL('./server.ts', import.meta.url), { execArgv: [] });
  const listening = await reply(child, 'listening');
  const ask = <Kind extends Reply['kind']>(command: Command, kind: Kind) => {
    const answered = reply(child, kind);
    child.send(command);
    return answered;
  };
  return {
    origin: `http://127.0.0.1:${listening.port}`,
    prepare: async (load) => (await ask({ kind: 'prepare', ...load }, 'prepared')).bytes,
    take: async () => (await ask({ kind: 'take' }, 'taken')).seen,
    stop: () => child.disconnect(),
  };
}

function reply<Kind extends Reply['kind']>(child: ChildProcess, kind: Kind): Promise<Extract<Reply, { kind: Kind }>> {
  return new Promise((resolve, reject) => {
    const ended = () => reject(new Error('The server process ended.'));
    child.once('exit', ended);
    child.once('message', (message: Reply) => {
      child.off('exit', ended);
      if (message.kind === kind) resolve(message as Extract<Reply, { kind: Kind }>);
      else reject(new Error(`The server answered ${message.kind} instead of ${kind}.`));
    });
  });
}
