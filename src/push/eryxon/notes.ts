/** Where what was learnt of an installation outlives the process. */
export interface Notes {
  readNote(name: string): Promise<unknown>;
  writeNote(name: string, value: unknown): Promise<void>;
}

/** Notes that end with the process: for a check beside a running daemon. */
export function forgetfulNotes(): Notes {
  const kept = new Map<string, unknown>();
  return {
    readNote: async (name) => kept.get(name),
    writeNote: async (name, value) => void kept.set(name, value),
  };
}
