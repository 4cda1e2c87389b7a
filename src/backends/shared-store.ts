/** Of what kind a shared thing is. Names of different kinds have nothing to do with each other. */
export type SharedKind = 'lock' | 'semaphore' | 'queue' | 'counter' | 'value' | 'event'

/** How much a queue holds, in whole numbers from 1; the largest that is exact stands for any. */
export interface SharedBounds {
  readonly maxSize: number
  readonly maxBytes: number
}

/**
 * One thing that a session does. A ticket is a number that the session has not given before: it stands for a wait and, once that is over, for
 * what was got by it. Asked again with the same ticket, nothing is done twice.
 *
 * - `opens`: the limit, or the bounds, are from now on what this step says. Otherwise that holds only where there are none yet.
 * - `waits`: where it cannot be had at once, the ticket waits in line; otherwise it is refused.
 */
export type SharedStep =
  | { readonly does: 'acquire', readonly kind: 'lock' | 'semaphore', readonly name: string, readonly ticket: number, readonly limit: number, readonly opens: boolean, readonly waits: boolean }
  | { readonly does: 'put', readonly name: string, readonly ticket: number, readonly item: Uint8Array, readonly bounds: SharedBounds, readonly opens: boolean, readonly waits: boolean }
  | { readonly does: 'get', readonly name: string, readonly ticket: number, readonly bounds: SharedBounds, readonly opens: boolean, readonly waits: boolean }
  /** Until an event is set, or a queue's items are all finished. */
  | { readonly does: 'wait', readonly kind: 'event' | 'queue', readonly name: string, readonly ticket: number }
  /** How a ticket stands. */
  | { readonly does: 'look', readonly ticket: number }
  /** A wait is given up, a permit or an item given back: the item before all others, where it was taken. `gone` where there is nothing to give back any more. */
  | { readonly does: 'giveBack', readonly ticket: number }
  /** An item that was got is the session's own from now on; with `finishes`, `join` no longer counts it either. Refused where it was not held. */
  | { readonly does: 'keep', readonly ticket: number, readonly finishes: boolean }
  /** One item more is finished. Refused where none is left. */
  | { readonly does: 'finish', readonly name: string }
  | { readonly does: 'shutdown', readonly name: string, readonly immediate: boolean }
  | { readonly does: 'statistics', readonly kind: SharedKind, readonly name: string }
  /** The counter's number before; refused, and unchanged, where the sum is no whole number that is exact. */
  | { readonly does: 'add', readonly name: string, readonly amount: number }
  /** As `add`, by another number, where it is the expected one or none is expected. */
  | { readonly does: 'exchange', readonly name: string, readonly number: number, readonly expected: number | null }
  | { readonly does: 'read', readonly name: string }
  /** Without an item the value is removed. `expected`: only where that is its version still, 0 where it is to have none. */
  | { readonly does: 'write', readonly name: string, readonly item: Uint8Array | null, readonly expected: number | null }
  | { readonly does: 'set', readonly name: string, readonly isSet: boolean }

/** What came of a step. */
export interface SharedOutcome {
  /**
   * - `done`: it was done; of a wait, that is over
   * - `held`: the permit or the item is the session's, by the fence in `number`
   * - `waiting`: in line
   * - `shut`: the queue was shut down
   * - `refused`: it was not done
   * - `gone`: the ticket neither waits nor holds anything: of `put` and `wait`, what it waited for has been done
   */
  readonly is: 'done' | 'held' | 'waiting' | 'shut' | 'refused' | 'gone'
  /** A fence, the version of a value, the number of a counter. */
  readonly number?: number
  readonly item?: Uint8Array
  readonly statistics?: SharedStatistics
}

export interface SharedStatistics {
  /** Of a queue, its items; of an event, 1 where it is set. */
  readonly size: number
  readonly bytes: number
  readonly putting: number
  /** Who waits for a permit, an item or the event. */
  readonly getting: number
  /** Permits that are held; items that were got and neither kept nor given back. */
  readonly held: number
  readonly unfinished: number
}

export interface SharedRequest {
  /** A name that nobody else has or had. */
  readonly session: string
  /** From now on the session lives for so many milliseconds. */
  readonly lease: number
  /** It may be new. Otherwise, where it is not known, its lease ran out. */
  readonly begins: boolean
  /** It ends when the steps are done, and gives everything back. */
  readonly leaves: boolean
  readonly steps: readonly SharedStep[]
}

export interface SharedReply {
  /** The session's lease had run out, and what it held was given back: nothing of the request was done. */
  readonly lost: boolean
  /** One for each step. */
  readonly outcomes: readonly SharedOutcome[]
  /** Milliseconds until the next lease of any session ends: then things may come free of which nobody else tells. `Infinity` where there is none. */
  readonly nextEnd: number
}

/**
 * Keeps what machines share: locks, semaphores, queues, counters, values, events. Leases run on the backend's clock, as those of `Broker`.
 *
 * Whoever waits is served in the order of asking, and is given what it waits for when that comes free, so nobody overtakes it. What a session
 * holds or waits for is given back when its lease has run out: before anything else is done for anybody. Fences, versions and places in line are numbers that rise for ever, also
 * where a name was forgotten meanwhile: no less than the microseconds of the time, so that they rise although the store was emptied.
 */
export interface SharedStore {
  /** Does all steps, in order, at one moment; or it rejects, and has done none. */
  share(request: SharedRequest): Promise<SharedReply>
  /** Calls `wake` soon after a ticket of the session may have come to stand otherwise; may call it for nothing. Not for leases that run out: that `nextEnd` tells. */
  attend(session: string, wake: () => void): Disposable
}
