/** When a connector runs: every so many seconds, or at the slots of a cron expression in a time zone. */
export type Schedule = { everySeconds: number } | { cron: string; timeZone: string };

/** One connector's work as the engine sees it. */
export interface Job {
  /** The connector's name; never two runs of one name at a time (D9). */
  name: string;
  schedule: Schedule;
  /**
   * One cycle. Must end soon after `signal` aborts; when `stopping` aborts it finishes what is under way and begins nothing more. Its
   * errors are its own business and must not be thrown.
   */
  run(signal: AbortSignal, stopping: AbortSignal): Promise<void>;
  /** Asked after each run: when the next is due even if the schedule has none so soon. */
  againAt?(): Date | undefined;
}

/** Runs jobs on their schedules, whatever does the scheduling: this process, or a cluster later. */
export interface Engine {
  start(jobs: readonly Job[]): void;
  /** Runs a task of one name out of turn, when a run under way has ended; scheduled runs wait meanwhile. Its signals are those of a job. */
  exclusive<T>(name: string, task: (signal: AbortSignal, stopping: AbortSignal) => Promise<T>): Promise<T>;
  /** Takes no more ticks, lets runs under way finish for `graceMs`, then aborts them; resolves when all have ended. */
  stop(graceMs: number): Promise<void>;
}
