import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { notReplayed, type Recorded, Recording, recordedRun } from './frepple-recorded.ts';

const recording = new Recording();
beforeAll(() => recording.start());
afterAll(() => recording.stop());

/** Headers that the simulator does not send as recorded: the type of an empty body, and the length where it is cut. */
function headersOf({ answerHeaders = {}, status }: Recorded, response: Response): [unknown, unknown] {
  const { 'content-length': length, ...recorded } = answerHeaders;
  const wanted = status === 500 || length === '0' || length === undefined ? recorded : answerHeaders;
  const names = Object.keys(wanted).filter((name) => response.headers.has(name) || name !== 'content-length');
  return [Object.fromEntries(names.map((name) => [name, response.headers.get(name)])), wanted];
}

function summaryOf(format: string, response: Response, text: string): string {
  return format
    .replace('%{http_code}', String(response.status))
    .replace('%{content_type}', response.headers.get('content-type') ?? '')
    .replace('%{size_download}', String(Buffer.byteLength(text)));
}

describe('the recorded run of 9.17.0', () => {
  it('is replayed but for what is named with its reason', () => {
    expect([recordedRun.length, Object.keys(notReplayed).length]).toEqual([103, 9]);
  });

  it.each(recordedRun.map((recorded) => [recorded.title, recorded] as const))('%s', async (_title, recorded) => {
    const response = await recording.send(recorded);
    const text = await response.text();
    if (recorded.format !== undefined) {
      const summary = summaryOf(recorded.format, response, text);
      return expect(summary.replace(/;\s*charset=utf-8/, '')).toBe(recorded.answer.replace(/;\s*charset=utf-8/, ''));
    }
    expect(response.status).toBe(recorded.status);
    const [headers, wanted] = headersOf(recorded, response);
    expect(headers).toEqual(wanted);
    // The text of the error page was not recorded.
    if (recorded.status === 500) return;
    const length = Number(recorded.answerHeaders?.['content-length'] ?? recorded.answer.length);
    const whole = recorded.method === 'HEAD' || Buffer.byteLength(recorded.answer) >= length;
    expect(whole ? text : text.slice(0, recorded.answer.length)).toBe(recorded.answer);
  });
});
