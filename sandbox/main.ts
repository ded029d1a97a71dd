import { parseArgs } from 'node:util';
import { control } from './control.ts';
import { erpKinds } from './erps.ts';
import { generations } from './eryxon/generation.ts';
import type { FaultLevel } from './faults.ts';
import { serve } from './http.ts';
import { createRandom } from './random.ts';
import { type SandboxOptions, startSandbox } from './sandbox.ts';

const usage =
  'Usage: node sandbox/main.ts --seed N --records N [--erps sap,netsuite,odoo,frepple] [--faults none|some|all] [--protocol v2|v4] [--deletes] [--control-port N]' +
  ' [--mes classic|v060|main|repaired] [--mes-daily-limit N] [--mes-released] [--mes-no-bulk]';

/**
 * The sandbox as a process of its own: prints one line of JSON with the addresses and credentials, by the names of the
 * placeholders in config/demo.yaml, then serves until it is killed. For running the daemon by hand against ERPs and a MES
 * that misbehave on demand.
 */
async function main(): Promise<void> {
  // Nothing here is worth saving, and whoever kills the sandbox wants it gone.
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => process.exit(0));
  const { controlPort, ...options } = readArguments();
  const sandbox = await startSandbox(options);
  const server = await serve((exchange) => control(sandbox, exchange), {
    random: createRandom(options.seed),
    port: controlPort,
  });
  const addresses = { ...sandbox.environment, SANDBOX_CONTROL_URL: server.url };
  console.log(JSON.stringify(addresses));
}

function readArguments(): SandboxOptions & { controlPort: number } {
  const { values } = parseArgs({
    options: {
      seed: { type: 'string', default: '1' },
      records: { type: 'string', default: '1000' },
      erps: { type: 'string', default: 'sap' },
      faults: { type: 'string', default: 'none' },
      protocol: { type: 'string' },
      deletes: { type: 'boolean', default: false },
      mes: { type: 'string', default: 'classic' },
      'control-port': { type: 'string', default: '0' },
      'mes-daily-limit': { type: 'string' },
      'mes-released': { type: 'boolean', default: false },
      'mes-no-bulk': { type: 'boolean', default: false },
    },
  });
  const { protocol, 'mes-daily-limit': limit } = values;
  return {
    seed: number('seed', values.seed),
    records: number('records', values.records),
    erps: values.erps.split(',').map((given) => oneOf('erps', given, erpKinds)),
    faults: oneOf<FaultLevel>('faults', values.faults, ['none', 'some', 'all']),
    generation: oneOf('mes', values.mes, generations),
    deletes: values.deletes,
    controlPort: number('control-port', values['control-port']),
    released: values['mes-released'],
    bulk: !values['mes-no-bulk'],
    ...(limit === undefined ? {} : { dailyLimit: number('mes-daily-limit', limit) }),
    ...(protocol === undefined ? {} : { sap: { protocol: oneOf('protocol', protocol, ['v2', 'v4']) } }),
  };
}

function number(name: string, given: string): number {
  if (!/^\d{1,15}$/.test(given)) throw new Error(`--${name} must be a whole number, not "${given}".`);
  return Number(given);
}

function oneOf<T extends string>(name: string, given: string, allowed: readonly T[]): T {
  const value = allowed.find((candidate) => candidate === given);
  if (value === undefined) throw new Error(`--${name} must be one of ${allowed.join(', ')}, not "${given}".`);
  return value;
}

try {
  await main();
} catch (error) {
  console.error(`${error instanceof Error ? error.message : String(error)}\n${usage}`);
  process.exitCode = 1;
}
