import { expect, it } from 'vitest';
import { mutate, mutations } from './mutations.ts';

it.each(mutations)('still finds what it breaks on purpose: $name', (mutation) => {
  expect(mutate(mutation)).toContain(mutation.to);
});
