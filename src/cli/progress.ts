import type { Clock } from '../core/clock.ts';
import type { EventBus } from '../core/events.ts';

/** Shows one line that moves while a long read is under way: records, rate, time left. Only where a person looks. */
export function showProgress(events: EventBus, clock: Clock): void {
  if (!process.stderr.isTTY) return;
  let stream = '';
  let total: number | null = null;
  let read = 0;
  let startedMs = 0;
  events.on('stream:full-read', (event) => {
    ({ stream, total } = event);
    read = 0;
    startedMs = clock.monotonicMs();
  });
  events.on('page:committed', (event) => {
    if (event.stream !== stream) return;
    read += event.counts.read;
    const seconds = Math.max((clock.monotonicMs() - startedMs) / 1000, 0.001);
    process.stderr.write(`\r\u001b[K${describe({ stream, read, total, perSecond: read / seconds })}`);
  });
  events.on('stream:finished', ({ result }) => {
    if (stream !== `${result.connector}/${result.stream}`) return;
    process.stderr.write('\r\u001b[K');
    stream = '';
  });
}

interface Progress {
  stream: string;
  read: number;
  total: number | null;
  perSecond: number;
}

export function describe({ stream, read, total, perSecond }: Progress): string {
  const rate = `${Math.round(perSecond).toLocaleString('en')} records/s`;
  if (total === null || total < read) return `${stream}: ${read.toLocaleString('en')} records, ${rate}`;
  const left = Math.round((total - read) / Math.max(perSecond, 0.001));
  const minutes = Math.floor(left / 60);
  const time = minutes > 0 ? `${minutes} min ${left % 60} s` : `${left} s`;
  return `${stream}: ${read.toLocaleString('en')} of ${total.toLocaleString('en')} records, ${rate}, ${time} left`;
}
