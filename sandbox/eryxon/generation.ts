/**
 * The generations of the API this simulator speaks. `classic` is the documented one (v0.1); the others take rows as they
 * are stored: `v060` is the newest tagged release, `main` the development branch of mid-2026, both on the database their
 * own migrations make; `repaired` is `main` with its imports mended, on a database that has every column the code uses.
 */
export const generations = ['classic', 'v060', 'main', 'repaired'] as const;
export type Generation = (typeof generations)[number];
export type GenericGeneration = Exclude<Generation, 'classic'>;

/** What tells the generations with generic functions apart. */
export interface Traits {
  /** Answers a bad key with 401 UNAUTHORIZED; the older ones with 500 INTERNAL_ERROR. */
  knows401: boolean;
  /** The database has the columns that the code writes and no migration creates. */
  complete: boolean;
  /** Functions whose module fails to load: 503 to everything, before the key is looked at. */
  broken: readonly string[];
}

export const traits: Record<GenericGeneration, Traits> = {
  v060: { knows401: false, complete: false, broken: ['api-batch-lifecycle'] },
  main: {
    knows401: true,
    complete: false,
    broken: ['api-parts', 'api-batches', 'api-issues', 'api-batch-lifecycle'],
  },
  repaired: { knows401: true, complete: true, broken: [] },
};
