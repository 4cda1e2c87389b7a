import type { RunnerStart } from '../calls/messages.ts'

/** What a child process is started with, as its one argument. */
export interface ChildStart extends RunnerStart {
  /** How many bytes it may hold; `null` for any number. */
  readonly memoryLimit: number | null
}

/** How a child's one argument begins: it holds a ChildStart as JSON. */
export const childMark = 'treadle-child:'

/** What a child has open beside the standard three. */
export const descriptors = {
  /** Messages from the host. */
  inbox: 3,
  /** Messages to the host. */
  outbox: 4,
  /** Open for as long as the host lives; the watchdog's last words go the other way. */
  lifeline: 5,
  /** See ClaimFile. */
  claims: 6
} as const
