import { spawn } from 'node:child_process';
import { Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { createLogger, type LoggerOptions } from '../../src/core/logger.ts';
import { createRedactor } from '../../src/core/redact.ts';

/** A logger that writes into memory. */
function logTo(options: Partial<LoggerOptions> = {}) {
  let text = '';
  const stream = new Writable({
    write(chunk, _encoding, done) {
      text += String(chunk);
      done();
    },
  });
  const logger = createLogger({ level: 'info', format: 'json', redact: (line) => line, stream, ...options });
  return {
    logger,
    async lines(): Promise<string[]> {
      await logger.close();
      return text.split('\n').filter((line) => line !== '');
    },
  };
}

describe('a log line', () => {
  it('is one JSON object of time, level, sentence and fields, in that order', async () => {
    const { logger, lines } = logTo();
    logger.info('Pass finished.', { stream: 'plant/orders', read: 3, requests: { erp: 1, mes: 0 }, watermark: null });
    const [line = ''] = await lines();
    const { time, ...rest } = JSON.parse(line) as Record<string, unknown>;
    expect(Object.keys(JSON.parse(line) as object).slice(0, 3)).toEqual(['time', 'level', 'message']);
    expect(String(time)).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    expect(rest).toEqual({
      level: 'info',
      message: 'Pass finished.',
      stream: 'plant/orders',
      read: 3,
      requests: { erp: 1, mes: 0 },
      watermark: null,
    });
  });

  it('stays one line whatever its fields hold', async () => {
    const { logger, lines } = logTo();
    logger.warn('Record set aside.', { reason: 'line one\r\nline two\u2028\u0000', key: '\u001b[31mred' });
    expect(await lines()).toHaveLength(1);
  });

  it('is not even made below the configured level', async () => {
    const made: string[] = [];
    const { logger, lines } = logTo({ level: 'warn', redact: (line) => `${made.push(line)}` });
    logger.info('Pass finished.');
    logger.warn('Record set aside.');
    await lines();
    expect(made).toHaveLength(1);
  });

  it('is written only from the configured level on', async () => {
    const { logger, lines } = logTo({ level: 'warn' });
    logger.debug('a');
    logger.info('b');
    logger.warn('c');
    logger.error('d');
    expect((await lines()).map((line) => (JSON.parse(line) as { message: string }).message)).toEqual(['c', 'd']);
  });

  it('keeps its sentence constant when a field is called message', async () => {
    const { logger, lines } = logTo();
    logger.info('Request failed.', { error: 'x', code: 5 });
    expect(JSON.parse((await lines())[0] ?? '')).toMatchObject({ message: 'Request failed.', error: 'x', code: 5 });
  });

  it('is short and readable in the pretty form', async () => {
    const { logger, lines } = logTo({ format: 'pretty' });
    logger.warn('Record set aside.', { key: 'job/1', counts: { read: 1 } });
    expect((await lines())[0]).toMatch(/^\d\d:\d\d:\d\d warn {2}Record set aside\. key=job\/1 counts=\{"read":1\}$/);
  });
});

describe('redaction in the log', () => {
  const secret = 'p@ss"w/rd 1';

  it.each(['json', 'pretty'] as const)('finds a secret by value in every field and depth (%s)', async (format) => {
    const { logger, lines } = logTo({ format, redact: createRedactor([secret]) });
    const forms = [secret, encodeURIComponent(secret), Buffer.from(secret).toString('base64')];
    for (const form of forms) {
      logger.error(`Sentence with ${form}.`, {
        error: `HTTP 401 for ${form}`,
        [`key ${form}`]: 1,
        nested: { list: [{ deep: form }], url: `https://erp.example/?key=${form}` },
      });
    }
    const text = (await lines()).join('\n');
    for (const form of [...forms, JSON.stringify(secret).slice(1, -1)]) expect(text).not.toContain(form);
    expect(text.split('[redacted]')).toHaveLength(forms.length * 5 + 1);
  });
});

describe('closing the log', () => {
  const logger = new URL('../../src/core/logger.ts', import.meta.url);
  const program = `
    import { createLogger } from '${logger}';
    const log = createLogger({ level: 'info', format: 'json', redact: (text) => text, stream: process.stdout });
    for (let index = 0; index < 1000; index += 1) log.info('Line.', { index, padding: 'x'.repeat(300) });
    await log.close();
    process.exit(0);`;

  it('loses no line of 1000 to a pipe that is read slowly, though the process exits at once', async () => {
    const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let text = '';
    let complaints = '';
    child.stderr.on('data', (chunk) => {
      complaints += String(chunk);
    });
    for await (const chunk of child.stdout as AsyncIterable<Buffer>) {
      text += chunk.toString();
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    expect(complaints).toBe('');
    const indexes = text.split('\n').filter(Boolean);
    expect(indexes.map((line) => (JSON.parse(line) as { index: number }).index)).toEqual(
      Array.from({ length: 1000 }, (_, index) => index),
    );
  });
});
