import { mkdirSync, type NoParamCallback, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { expect, it, vi } from 'vitest';
import { openWatermarkFile } from '../../src/state/watermark-file.ts';
import { scratchDirectory } from '../support/state-builders.ts';

/** What reached the disk's cache, in order; only a sync makes it stay. */
type Step = NamingStep | { op: 'write' | 'syncFile'; name: string; text: string } | { op: 'syncDirectory' };
type NamingStep =
  | { op: 'create' | 'remove'; name: string }
  | { op: 'rename'; name: string; to: string }
  | { op: 'link'; name: string; to: string };

const steps = vi.hoisted((): Step[] => []);

/** The file behind each open descriptor. */
const open = vi.hoisted(() => new Map<number, { name: string; text: string; directory: boolean }>());

vi.mock(import('node:fs'), async (original) => {
  const disk = await original();
  const name = (path: unknown) => basename(String(path));
  return {
    ...disk,
    openSync(path, flags, mode) {
      const file = disk.openSync(path, flags, mode);
      open.set(file, { name: name(path), text: '', directory: disk.fstatSync(file).isDirectory() });
      if (flags === 'wx') steps.push({ op: 'create', name: name(path) });
      return file;
    },
    writeFileSync(target, data, options) {
      disk.writeFileSync(target, data, options);
      const written = typeof target === 'number' ? open.get(target) : undefined;
      if (written === undefined) return;
      written.text = String(data);
      steps.push({ op: 'write', name: written.name, text: written.text });
    },
    fsync: Object.assign((file: number, done: NoParamCallback) => {
      const { name: synced = '', text = '', directory } = open.get(file) ?? {};
      disk.fsync(file, (error) => {
        steps.push(directory ? { op: 'syncDirectory' } : { op: 'syncFile', name: synced, text });
        done(error);
      });
    }, disk.fsync),
    renameSync(from, to) {
      disk.renameSync(from, to);
      steps.push({ op: 'rename', name: name(from), to: name(to) });
    },
    linkSync(from, to) {
      disk.linkSync(from, to);
      steps.push({ op: 'link', name: name(from), to: name(to) });
    },
    rmSync(path, options) {
      disk.rmSync(path, options);
      steps.push({ op: 'remove', name: name(path) });
    },
  };
});

interface Inode {
  text: string;
  synced: boolean;
}

type Names = Map<string, Inode>;
type Naming = (names: Names) => void;

/** A disk that keeps of everything unsynced whatever it likes. */
function createDisk() {
  let durable: Names = new Map();
  const seen: Names = new Map();
  let pending: Naming[] = [];
  const rename = (naming: Naming) => {
    naming(seen);
    pending.push(naming);
  };
  return {
    apply(step: Step) {
      switch (step.op) {
        case 'syncDirectory':
          durable = new Map(seen);
          pending = [];
          break;
        case 'write':
        case 'syncFile':
          Object.assign(seen.get(step.name) ?? {}, { text: step.text, synced: step.op === 'syncFile' });
          break;
        default:
          rename(namingOf(step, { text: '', synced: false }));
      }
    },
    /** Every directory that a power cut now could leave. */
    *remains(): Generator<Names> {
      for (let chosen = 0; chosen < 2 ** pending.length; chosen += 1) {
        const names = new Map(durable);
        for (const [index, naming] of pending.entries()) if ((chosen >> index) & 1) naming(names);
        yield names;
      }
    },
  };
}

function namingOf(step: NamingStep, created: Inode): Naming {
  return (names) => {
    const inode = step.op === 'create' ? created : names.get(step.name);
    if (step.op === 'remove' || step.op === 'rename') names.delete(step.name);
    if (inode === undefined || step.op === 'remove') return;
    names.set('to' in step ? step.to : step.name, inode);
  };
}

/** What can be left of a file: all of it when it was synced, else nothing, a part, or NUL bytes. */
function contents({ text, synced }: Inode): string[] {
  return synced ? [text] : ['', text.slice(0, text.length / 2), '\0'.repeat(text.length), text];
}

async function sequenceAfterCut(directory: string, names: Names, variant: number): Promise<number> {
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory);
  for (const [name, inode] of names) {
    const left = contents(inode);
    writeFileSync(join(directory, name), left[variant % left.length] ?? '');
  }
  return (await openWatermarkFile(directory)).current().sequence;
}

it('opens after a power cut at any moment with the last watermarks or those before, and never with less than was promised', async () => {
  const file = await openWatermarkFile(scratchDirectory());
  const promised: number[] = [];
  for (const sequence of [1, 2, 3, 4, 5, 6]) {
    await file.update((current) => ({ ...current, sequence }));
    promised[steps.length] = sequence;
  }
  const history = steps.splice(0);
  const disk = createDisk();
  const cut = join(scratchDirectory(), 'cut');
  let least = 0;
  let cuts = 0;
  for (const [index, step] of history.entries()) {
    disk.apply(step);
    least = promised[index + 1] ?? least;
    for (const names of disk.remains()) {
      for (const variant of [0, 1, 2, 3]) {
        const sequence = await sequenceAfterCut(cut, names, variant);
        expect([least, least + 1]).toContain(sequence);
        cuts += 1;
      }
    }
  }
  expect(cuts).toBeGreaterThan(500);
});
