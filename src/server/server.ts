import fastify from 'fastify';
import { ConfigError, messageOf } from '../core/errors.ts';
import type { Metrics } from './metrics.ts';
import type { Readiness } from './readiness.ts';

export interface ServerOptions {
  host: string;
  port: number;
  readiness(): Promise<Readiness>;
  metrics: Metrics;
}

export interface HealthServer {
  /** Where it listens, e.g. `http://127.0.0.1:8686`. */
  url: string;
  close(): Promise<void>;
}

/** `/livez` answers while the process can, `/readyz` while the work gets done, `/metrics` in Prometheus form. */
export async function startServer({ host, port, readiness, metrics }: ServerOptions): Promise<HealthServer> {
  const server = fastify({ forceCloseConnections: true });
  server.get('/livez', async () => ({ alive: true }));
  server.get('/readyz', async (_request, reply) => {
    const state = await readiness();
    return reply.code(state.ready ? 200 : 503).send(state);
  });
  server.get('/metrics', async (_request, reply) => reply.type(metrics.contentType).send(await metrics.render()));
  try {
    const url = await server.listen({ host, port });
    return { url, close: () => server.close() };
  } catch (error) {
    throw new ConfigError(
      `The health page cannot listen on ${host}:${port}: ${messageOf(error)}. Change health.port.`,
      { cause: error },
    );
  }
}
