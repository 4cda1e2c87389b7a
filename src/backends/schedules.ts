import type { NewJob } from '../jobs/job.ts'
import type { Schedule } from '../jobs/schedule.ts'

export interface ScheduleFilter {
  /** Only the one that bears it. */
  readonly name?: string
  /** Only those whose names come after this one. */
  readonly after?: string
  /** At most this many, from 1 to 1,000. */
  readonly limit: number
}

/** Compare-and-set: it happens only where the schedule is still as it was seen. */
export interface ScheduleChange {
  readonly name: string
  /** Its revision when it was seen; undefined where there was none. */
  readonly seen: string | undefined
  /** What it becomes; undefined where it is removed. */
  readonly schedule: Schedule | undefined
  /** Published with the change, or not at all. */
  readonly jobs: readonly NewJob[]
}

export interface ScheduleList {
  /** The backend's time. */
  readonly now: number
  readonly schedules: readonly Schedule[]
}

export interface DueSchedules extends ScheduleList {
  /** Milliseconds until the next slot of any other; `Infinity` where none comes. */
  readonly nextDue: number
}

/** What to listen to, among names of queues, to hear that a slot may come sooner than was told. No queue bears it. */
export const scheduleNews = '@schedules'

/** Remembers schedules. Which slots they have, and what a slot's job is, `jobs/schedule.ts` decides: to a backend they are records with a time. */
export interface ScheduleStore {
  /** In the order of their names. */
  schedules(filter: ScheduleFilter): Promise<ScheduleList>
  /** Those whose next slot has come on the backend's clock, the earliest first, at most `limit`. */
  dueSchedules(limit: number): Promise<DueSchedules>
  /**
   * Makes, changes and removes schedules, and publishes jobs with that: in one transaction, so that no slot is fired twice. Wakes listeners where a slot comes
   * sooner than it did.
   *
   * @returns for each change whether it happened
   */
  changeSchedules(changes: readonly ScheduleChange[]): Promise<readonly boolean[]>
}

/** Whether somebody may have to be awake sooner. */
export function comesSooner(before: number | undefined, after: number | undefined): boolean {
  return after !== undefined && after < (before ?? Infinity)
}
