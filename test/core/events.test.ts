import { describe, expect, it } from 'vitest';
import { createEventBus, zeroCounts } from '../../src/core/events.ts';

const finished = { connector: 'plant', results: [], durationMs: 5 };

describe('the event bus', () => {
  it('hands an event to every listener of its name, in the order of subscription, and to no other', () => {
    const bus = createEventBus((error) => {
      throw error;
    });
    const heard: string[] = [];
    bus.on('cycle:started', ({ connector }) => heard.push(`first ${connector}`));
    bus.on('cycle:started', ({ connector }) => heard.push(`second ${connector}`));
    bus.on('cycle:finished', () => heard.push('other'));
    bus.emit('cycle:started', { connector: 'plant' });
    expect(heard).toEqual(['first plant', 'second plant']);
  });

  it('keeps a listener that throws from hurting the sender or the listeners after it', () => {
    const errors: unknown[] = [];
    const bus = createEventBus((error) => errors.push(error));
    const failure = new Error('a bug in a metric');
    const heard: number[] = [];
    bus.on('cycle:finished', () => {
      throw failure;
    });
    bus.on('cycle:finished', ({ durationMs }) => heard.push(durationMs));
    expect(() => bus.emit('cycle:finished', finished)).not.toThrow();
    expect(errors).toEqual([failure]);
    expect(heard).toEqual([5]);
  });

  it('takes an event that nobody listens to', () => {
    const bus = createEventBus(() => undefined);
    expect(() => bus.emit('cycle:finished', finished)).not.toThrow();
  });

  it('lets one listener subscribe another while an event is on its way', () => {
    const bus = createEventBus((error) => {
      throw error;
    });
    const heard: string[] = [];
    bus.on('cycle:started', () => bus.on('cycle:finished', () => heard.push('late')));
    bus.emit('cycle:started', { connector: 'plant' });
    bus.emit('cycle:finished', finished);
    expect(heard).toEqual(['late']);
  });

  it('makes new counters each time, so that nobody adds to those of another', () => {
    const one = zeroCounts();
    one.read += 1;
    expect(zeroCounts().read).toBe(0);
  });
});
