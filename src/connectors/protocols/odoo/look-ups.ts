import { PermanentError } from '../../../core/errors.ts';
import type { OdooModels, Query } from './model.ts';

/** A model that a stream reads beside its own. */
export interface LookUp extends Pick<Query, 'model' | 'fields'> {
  domain?: Query['domain'];
  /** It is only read where it has all of these fields. */
  onlyWith?: readonly string[];
}

/** Asks each for one row; a model that the database lacks is no look-up. Throws one PermanentError that names all that are refused. */
export async function askAll(models: OdooModels, lookUps: readonly LookUp[], signal: AbortSignal): Promise<void> {
  const refusals = new Set<string>();
  for (const lookUp of lookUps) {
    try {
      await ask(models, lookUp, signal);
    } catch (error) {
      if (!(error instanceof PermanentError) || error.credentials) throw error;
      refusals.add(error.message);
    }
  }
  if (refusals.size > 0) throw new PermanentError([...refusals].join(' '));
}

async function ask(models: OdooModels, { onlyWith = [], ...lookUp }: LookUp, signal: AbortSignal): Promise<void> {
  const known = await models.known(lookUp.model, onlyWith, signal);
  if (known?.size === onlyWith.length) await models.rows({ domain: [], ...lookUp, order: 'id', limit: 1 }, signal);
}
