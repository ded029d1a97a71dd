import { mkdirSync, readdirSync, readFileSync, rmdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ConfigError } from '../../src/core/errors.ts';
import { openWatermarkFile, type Watermarks } from '../../src/state/watermark-file.ts';
import { scratchDirectory, stream } from '../support/state-builders.ts';

const atSequence = (sequence: number) => (current: Watermarks) => ({ ...current, sequence });

/** A directory with a written file, and the file's path and bytes. */
async function written() {
  const directory = scratchDirectory();
  const file = await openWatermarkFile(directory);
  const mark = { watermark: { kind: 'timestamp', value: '2026-03-01T08:00:00.000Z' }, run: 1 } as const;
  const rest = { fingerprint: 'f', lastFullRead: null, lastSweep: null, lastSuccess: null };
  await file.update((current) => ({ ...current, sequence: 1, streams: { [stream]: { ...mark, ...rest } } }));
  const path = join(directory, 'watermarks.json');
  return { directory, file, path, bytes: readFileSync(path) };
}

describe('the watermark file', () => {
  it('is readable by people, and by its owner only', async () => {
    const { path, bytes } = await written();
    expect(JSON.parse(bytes.toString())).toMatchObject({
      version: 1,
      sequence: 1,
      checksum: expect.stringMatching(/^[0-9a-f]{64}$/),
      streams: { [stream]: { watermark: { kind: 'timestamp', value: '2026-03-01T08:00:00.000Z' } } },
    });
    expect(bytes.toString()).toMatch(/\n$/);
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  it('reads back what was written', async () => {
    const { directory, file } = await written();
    expect((await openWatermarkFile(directory)).current()).toEqual(file.current());
  });

  it('keeps the last three generations', async () => {
    const { directory, file } = await written();
    for (const sequence of [2, 3, 4, 5, 6]) await file.update(atSequence(sequence));
    const names = readdirSync(directory).sort();
    expect(names).toEqual(['watermarks.json', 'watermarks.json.1', 'watermarks.json.2', 'watermarks.json.3']);
    const sequences = names.map((name) => JSON.parse(readFileSync(join(directory, name), 'utf8')).sequence);
    expect(sequences).toEqual([6, 5, 4, 3]);
  });

  it('makes changes one after the other, each on top of the last', async () => {
    const { directory, file } = await written();
    const next = (current: Watermarks) => ({ ...current, sequence: current.sequence + 1 });
    await Promise.all(Array.from({ length: 20 }, () => file.update(next)));
    expect((await openWatermarkFile(directory)).current().sequence).toBe(21);
  });

  it('stays as it was when a change cannot be written, and goes on when it can again', async () => {
    const { directory, file } = await written();
    await file.update(atSequence(2));
    await file.update(atSequence(3));
    const inTheWay = join(directory, 'watermarks.json.3');
    mkdirSync(inTheWay);
    await expect(file.update(atSequence(4))).rejects.toThrow();
    expect(file.current().sequence).toBe(3);
    expect((await openWatermarkFile(directory)).current().sequence).toBe(3);
    expect(readdirSync(directory).filter((name) => name.endsWith('.tmp'))).toEqual([]);
    rmdirSync(inTheWay);
    await file.update(atSequence(5));
    expect((await openWatermarkFile(directory)).current().sequence).toBe(5);
  });
});

describe('a damaged watermark file', () => {
  async function refusal(directory: string): Promise<string> {
    const error = await openWatermarkFile(directory).then(
      () => expect.fail('was accepted'),
      (thrown: unknown) => thrown,
    );
    expect(error).toBeInstanceOf(ConfigError);
    return String(error);
  }

  it('is refused at every length that it could be torn to', async () => {
    const { directory, path, bytes } = await written();
    for (let length = 0; length < bytes.length - 1; length += 1) {
      writeFileSync(path, bytes.subarray(0, length));
      expect(await refusal(directory)).toMatch(/watermarks\.json is (empty|truncated).*erp-puller state restore/);
      expect(statSync(path).size).toBe(length);
    }
  });

  it('is refused when any of its end is NUL bytes', async () => {
    const { directory, path, bytes } = await written();
    for (let length = 0; length < bytes.length; length += 1) {
      writeFileSync(path, Buffer.concat([bytes.subarray(0, length), Buffer.alloc(bytes.length - length)]));
      expect(await refusal(directory)).toMatch(/NUL bytes.*state restore/);
    }
  });

  it('never passes with other content, whichever bit is flipped', async () => {
    const { directory, file, path, bytes } = await written();
    await fc.assert(
      fc.asyncProperty(fc.nat(bytes.length - 1), fc.nat(7), async (position, bit) => {
        const flipped = Buffer.from(bytes);
        flipped.writeUInt8(flipped.readUInt8(position) ^ (1 << bit), position);
        writeFileSync(path, flipped);
        const opened = await openWatermarkFile(directory).catch((error: unknown) => error);
        if (opened instanceof Error) expect(opened).toBeInstanceOf(ConfigError);
        else expect((opened as typeof file).current()).toEqual(file.current());
      }),
      { numRuns: 2000 },
    );
  });

  it.each(['[]', 'null', '7', '{}', '{"version":"1"}', '{"jobs":{"cursor":"2026"}}'])(
    'is refused when it is %s',
    async (text) => {
      const { directory, path } = await written();
      writeFileSync(path, text);
      expect(await refusal(directory)).toMatch(/not a watermark file of erp-puller.*state restore/);
    },
  );

  it('is refused when it was edited by hand', async () => {
    const { directory, path, bytes } = await written();
    writeFileSync(path, bytes.toString().replace('2026-03-01', '2026-02-01'));
    expect(await refusal(directory)).toMatch(/checksum/);
  });

  it.each([
    [2, /newer erp-puller/],
    [0, /unknown version/],
  ])('is refused when its version is %i', async (version, text) => {
    const { directory, path, bytes } = await written();
    writeFileSync(path, bytes.toString().replace('"version": 1', `"version": ${version}`));
    expect(await refusal(directory)).toMatch(text);
  });
});
