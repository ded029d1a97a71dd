import type { PassContext } from './pass-types.ts';

/** What a person asks for is not held back and may use the reserve of the day's requests. */
export function asOperator(context: PassContext): PassContext {
  return { ...context, pusher: context.operatorPusher ?? context.pusher, caller: 'operator', admission: undefined };
}
