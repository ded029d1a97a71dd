import { execFile } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

/** One thing broken on purpose, to prove that the simulation can fail. */
export interface Mutation {
  name: string;
  file: string;
  from: string;
  to: string;
}

const watermarkFirst = `await store.finish({
    stream: pass.id, epoch: state.epoch, fingerprint: stream.fingerprint, fullReadAt: null, childrenSettled: false, sweptAt: null,
    watermark: advanceWatermark(stream.stampKind, state.watermark, start.target), finishedAt: pass.clock.now().toISOString(),
  });
  const reached = await deliverPages(`;

export const mutations: readonly Mutation[] = [
  {
    name: 'the overlap is skipped',
    file: 'src/scheduler/watermark.ts',
    from: 'shiftStamp(kind, watermark.value, -input.overlapSeconds)',
    to: 'watermark.value',
  },
  {
    name: 'the watermark is written before the outcomes',
    file: 'src/scheduler/pass.ts',
    from: 'const reached = await deliverPages(',
    to: watermarkFirst,
  },
  {
    name: 'what waits for its parent is dropped',
    file: 'src/state/ledger.ts',
    from: 'ledger.parked.park(',
    to: 'void (',
  },
  {
    name: 'an absence is believed at once',
    file: 'src/scheduler/children.ts',
    from: 'for await (const page of children.read(parents, signal)) {',
    to: 'for await (const page of [{ rows: [] as unknown[], parents }]) {',
  },
  {
    name: 'the resume point is saved after a failed push',
    file: 'src/scheduler/delivery.ts',
    from: 'resume: report.failure === undefined ? delivery.resume : null',
    to: 'resume: delivery.resume',
  },
  {
    name: 'rows of the far future are not asked for',
    file: 'src/scheduler/watermark.ts',
    from: "window: { mode: 'delta', from, to: target, future }",
    to: "window: { mode: 'delta', from, to: target }",
  },
  {
    name: 'stamps of the far future are believed',
    file: 'src/scheduler/pass.ts',
    from: 'if (stamp > limit) warnOfFuture(pass, stamp);\n    else if',
    to: 'if',
  },
  {
    name: 'a page begins behind the last stamp, not at it',
    file: 'src/connectors/protocols/odata-walk.ts',
    from: `return \`\${target.stamp} ge \${stampLiteral(target, stamp)}\`;`,
    to: `return \`\${target.stamp} gt \${stampLiteral(target, stamp)}\`;`,
  },
  {
    name: 'parents whose children changed are not marked',
    file: 'src/scheduler/delivery.ts',
    from: 'return [...changed, ...restamped',
    to: 'return [] ?? [...changed, ...restamped',
  },
];

/** How many seeds it takes and what fails then; undefined when none of so many does. Works on a copy. */
export async function catchMutation(mutation: Mutation, seeds: number): Promise<string | undefined> {
  const copy = mkdtempSync(join(tmpdir(), 'mutation-'));
  try {
    for (const folder of ['src', 'sandbox', 'test/simulation', 'test/support', 'package.json']) {
      cpSync(folder, join(copy, folder), { recursive: true });
    }
    symlinkSync(resolve('node_modules'), join(copy, 'node_modules'));
    const path = join(copy, mutation.file);
    const text = readFileSync(path, 'utf8');
    if (!text.includes(mutation.from)) throw new Error(`${mutation.file} has no ${mutation.from}`);
    writeFileSync(
      path,
      text.replace(mutation.from, () => mutation.to),
    );
    return await untilFailure(copy, seeds);
  } finally {
    rmSync(copy, { recursive: true });
  }
}

function untilFailure(cwd: string, seeds: number): Promise<string | undefined> {
  const arguments_ = ['test/simulation/main.ts', '--until-failure', '--seeds', String(seeds)];
  return new Promise((done, fail) => {
    execFile(process.execPath, arguments_, { cwd }, (_error, stdout, stderr) => {
      if (stderr !== '') fail(new Error(stderr));
      else done(stdout === '' ? undefined : stdout.trim());
    });
  });
}
