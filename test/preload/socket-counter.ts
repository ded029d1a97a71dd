import { subscribe } from 'node:diagnostics_channel';
import { writeFileSync } from 'node:fs';

/** Loaded before a program with --import: how many sockets it opened, to connect or to listen, written at its end to SOCKET_COUNT. */
let sockets = 0;
const count = (): void => {
  sockets += 1;
};
for (const name of ['net.client.socket', 'tracing:net.server.listen:asyncStart', 'udp.socket']) subscribe(name, count);

process.on('exit', () => {
  const file = process.env['SOCKET_COUNT'];
  if (file !== undefined) writeFileSync(file, String(sockets));
});
