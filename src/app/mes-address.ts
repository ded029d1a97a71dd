import type { EventBus } from '../core/events.ts';
import type { Store } from '../state/store.ts';

const noteName = 'mes address';

/**
 * Tells once when a state meets a MES at another address than before. It is the same one behind another name, or another one: then what
 * was delivered to the first counts as delivered, and nobody would know. A state that cannot be read or written fails the first pass.
 */
export async function noteMesAddress(
  { store, events }: { store: Pick<Store, 'readNote' | 'writeNote'>; events: EventBus },
  now: string,
): Promise<void> {
  try {
    const before = await store.readNote(noteName);
    if (before === now) return;
    await store.writeNote(noteName, now);
    if (typeof before === 'string' && sameForm(before) !== sameForm(now)) events.emit('mes:moved', { before, now });
  } catch {
    return;
  }
}

/** Host in small letters, no default port, no slash at the end: written either way it is one address. */
function sameForm(url: string): string {
  return URL.canParse(url) ? new URL(url).href.replace(/\/+$/, '') : url;
}
