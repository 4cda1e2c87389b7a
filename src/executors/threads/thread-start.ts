import type { RunnerStart } from '../calls/messages.ts'

/** What a thread is started with. */
export interface ThreadStart extends RunnerStart {
  readonly entry: 'thread'
  /** See ClaimBoard. */
  readonly board: SharedArrayBuffer
}
