import type { LogLevel } from '../kernel/logger.ts'
import type { PortableError } from '../wire/portable-error.ts'
import type { Happening, Job, Spent } from './job.ts'

/** One thing that happened to a job. */
export interface HistoryEntry {
  /** Milliseconds since the epoch of the backend's clock. */
  readonly at: number
  readonly event: 'publish' | Happening['event']
  readonly attempt: number
  /** The delivery that it concerns, or the newest. */
  readonly token: number
  /** The worker in whose hands the job was. */
  readonly worker: string | undefined
  /** When that delivery was made. */
  readonly startedAt: number | undefined
  readonly error: PortableError | undefined
  readonly spent: Spent | undefined
}

/** A line that an attempt logged. */
export interface JobLogLine {
  readonly at: number
  readonly level: LogLevel
  readonly attempt: number
  readonly token: number
  readonly message: string
  /** As JSON. */
  readonly fields: string
}

/** What is kept of a job besides itself. */
export interface JobStory {
  readonly history: readonly HistoryEntry[]
  readonly logs: readonly JobLogLine[]
}

/** As a store keeps it: with the envelope that the job is called with. */
export interface KeptStory extends JobStory {
  readonly payload: Uint8Array
  /** The envelope that it was enqueued with, where it was revived with another. */
  readonly original?: Uint8Array
}

/** No more than this many entries, and lines, are kept of one job: the newest. */
export const historyLimit = 100
export const logLimit = 1_000

/** What the usual way of a job leaves no entry of: it can be told from the job itself, and would cost every job its price. */
const untold: ReadonlySet<Happening['event']> = new Set(['due', 'unblock', 'reserve', 'succeed'])

/** The entry to keep of what happened, if any. */
export function entryOf(before: Job, asked: Happening['event'], after: Job, now: number): HistoryEntry | undefined {
  if (untold.has(asked) || (asked === 'cancel' && before.cancelling)) return undefined
  // A cancel wins over a retry, and one rescue too many ends the job.
  const event = before.state === 'active' && after.state === 'cancelled' ? 'stop' : after.state === 'dead' ? 'bury' : asked
  const { attempt, token, worker, startedAt } = before
  const entry = { at: now, event, attempt, token, worker, startedAt }
  return event === 'retry' || event === 'fail' || event === 'defer' || event === 'bury'
    ? { ...entry, error: after.error, spent: event === 'defer' ? undefined : after.spent }
    : { ...entry, error: undefined, spent: undefined }
}

/** The whole story: the kept entries, and what the job itself tells. */
export function historyOf(job: Job, kept: readonly HistoryEntry[]): HistoryEntry[] {
  const plain = { worker: undefined, startedAt: undefined, error: undefined, spent: undefined }
  const history: HistoryEntry[] = [{ ...plain, at: job.createdAt, event: 'publish', attempt: 0, token: 0 }, ...kept]
  const { attempt, token, worker, startedAt, finishedAt, spent } = job
  if (job.state === 'active' && startedAt !== undefined) {
    const entry: HistoryEntry = { ...plain, at: startedAt, event: 'reserve', attempt, token, worker }
    // A cancel that was asked for meanwhile came after.
    const asked = history.findIndex((one) => one.event === 'cancel' && one.token === token)
    history.splice(asked < 0 ? history.length : asked, 0, entry)
  }
  if (job.state === 'succeeded') history.push({ ...plain, at: finishedAt!, event: 'succeed', attempt, token, startedAt, spent })
  return history
}
