import type { LinkEnd } from '../../concurrency/threads/port-link.ts'
import type { RunnerStart } from '../calls/messages.ts'

/** What a thread is started with. */
export interface ThreadStart extends RunnerStart {
  readonly entry: 'thread'
  /** See ClaimBoard. */
  readonly board: SharedArrayBuffer
  readonly line: LinkEnd
  /** How long it looks for more before it waits to be woken, in milliseconds. */
  readonly lookout: number
}
