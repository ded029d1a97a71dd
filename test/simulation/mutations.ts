import { execFile } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Generation } from '../../sandbox/eryxon/generation.ts';

/** One thing broken on purpose, to prove that the simulation can fail. */
export interface Mutation {
  name: string;
  file: string;
  from: string;
  to: string;
  /** Where it makes a difference; everywhere when absent. */
  generations?: readonly Generation[];
  /** What becomes in the MES of what is gone from the ERP, where it makes a difference only so. */
  policy?: 'delete';
}

/** As by hand, which is durable at once: the end of a pass that has committed nothing yet is not. */
const watermarkFirst = `await store.setWatermark({
    stream: pass.id, watermark: advanceWatermark(stream.stampKind, state.watermark, start.target), forget: null,
  });
  await store.begin(pass.id);
  const reached = await deliverWindow(`;

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
    from: 'const reached = await deliverWindow(',
    to: watermarkFirst,
  },
  {
    name: 'what waits for its parent is dropped',
    file: 'src/state/record-page.ts',
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
    file: 'src/scheduler/pages.ts',
    from: 'if (stamp > limit) warnOfFuture(pass, stamp);\n    else if',
    to: 'if',
  },
  {
    name: 'a page begins behind the last stamp, not at it',
    file: 'src/connectors/protocols/odata/walk.ts',
    from: `return \`\${target.stamp} ge \${stampLiteral(target, stamp)}\`;`,
    to: `return \`\${target.stamp} gt \${stampLiteral(target, stamp)}\`;`,
  },
  {
    name: 'parents whose children changed are not marked',
    file: 'src/scheduler/delivery.ts',
    from: 'return { stream, parents };',
    to: 'return { stream, parents: [] };',
  },
  {
    name: 'a sweep of the keys forgets what it has missed',
    file: 'src/state/sweeps.ts',
    from: 'note: ({ source, set, after, limit, at, withheld }) =>\n      note',
    to: 'note: ({ source, set, after, limit, at, withheld }) => [{ externalId: "" }] && undefined &&\n      note',
  },
  {
    name: 'a sweep marks no parents of operations that are not listed',
    file: 'src/scheduler/sweep.ts',
    from: 'if (stream.children !== null) {',
    to: 'if (stream.children === undefined) {',
  },
  {
    name: 'what waits and is gone waits for ever',
    file: 'src/scheduler/sweep.ts',
    from: 'if (absent === 0 || !believed) return absent;',
    to: 'if (absent >= 0) return absent;',
  },
  {
    name: 'what is told as gone is what was delivered, not what was refused',
    file: 'src/scheduler/vanished.ts',
    from: 'refused.get(record.externalId) ?? record',
    to: 'record',
  },
  {
    name: 'a bulk-sync that lies is believed',
    file: 'src/push/eryxon/generic-bulk.ts',
    from: 'if (row === undefined || !shows(row, columns)) return',
    to: 'if (row === null) return',
    // On the others updates go by answers that name each record.
    generations: ['repaired'],
  },
  {
    name: 'of a whole order what the answer does not show counts as delivered',
    file: 'src/push/eryxon/nested.ts',
    from: 'return mesId === undefined ? [] : [{ change, mesId }];',
    to: "return [{ change, mesId: mesId ?? '' }];",
    generations: ['main', 'v060'],
  },
  {
    name: 'a watermark that is ahead of the clock of the ERP is gone by',
    file: 'src/scheduler/pass.ts',
    from: 'if (isAhead(pass)) return "its watermark is ahead of the ERP\'s clock less settleSeconds";',
    to: '',
  },
  {
    name: 'what a lost answer may have brought is forgotten',
    file: 'src/push/doubt.ts',
    from: 'return changes.filter(({ record }) => sent.has(record) || open.has(record));',
    to: 'return changes.filter(() => false);',
  },
  {
    name: 'what was being sent when the machine went down is forgotten',
    file: 'src/state/doubts.ts',
    from: 'for (const record of recordsOf(each)) add(',
    to: 'for (const record of recordsOf(each).slice(0, 0)) add(',
  },
  {
    name: 'the MES is asked on while its day is used up',
    file: 'src/push/day-quota.ts',
    from: 'const untilMs = now.getTime() + Math.min(forMs, windowMs);',
    to: 'const untilMs = now.getTime() + Math.min(forMs, 1);',
  },
  {
    name: 'a removal that was cut off is not taken back',
    file: 'src/scheduler/removals.ts',
    from: 'if (!state.removalsBegun) return [];',
    to: 'if (state.removalsBegun) return [];',
    // A classic row has no keys to give up: what is left of it is found as what it is.
    generations: ['v060', 'main', 'repaired'],
    policy: 'delete',
  },
];

/** The file as it is then. Throws when it does not have any more what is to be broken. */
export function mutate({ file, from, to }: Mutation): string {
  const text = readFileSync(file, 'utf8');
  if (text.split(from).length !== 2) throw new Error(`${file} does not have once: ${from}`);
  return text.replace(from, () => to);
}

export interface Hunt {
  seeds: number;
  generation: Generation;
}

/** How many seeds it takes and what fails then; undefined when none of so many does. Works on a copy. */
export async function catchMutation(mutation: Mutation, hunt: Hunt): Promise<string | undefined> {
  const copy = mkdtempSync(join(tmpdir(), 'mutation-'));
  try {
    for (const folder of ['src', 'sandbox', 'test/simulation', 'test/support', 'package.json']) {
      cpSync(folder, join(copy, folder), { recursive: true });
    }
    symlinkSync(resolve('node_modules'), join(copy, 'node_modules'));
    writeFileSync(join(copy, mutation.file), mutate(mutation));
    return await untilFailure(copy, hunt, mutation.policy);
  } finally {
    rmSync(copy, { recursive: true });
  }
}

function untilFailure(
  cwd: string,
  { seeds, generation }: Hunt,
  policy: Mutation['policy'],
): Promise<string | undefined> {
  const arguments_ = [
    'test/simulation/main.ts',
    '--until-failure',
    '--seeds',
    String(seeds),
    '--generation',
    generation,
    ...(policy === undefined ? [] : ['--policy', policy]),
  ];
  return new Promise((done, fail) => {
    execFile(process.execPath, arguments_, { cwd }, (_error, stdout, stderr) => {
      if (stderr !== '') fail(new Error(stderr));
      else done(stdout === '' ? undefined : stdout.trim());
    });
  });
}
