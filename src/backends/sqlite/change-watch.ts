import { type FSWatcher, watch } from 'node:fs'
import type { Clock, Timer } from '../../kernel/clock.ts'
import type { Logger } from '../../kernel/logger.ts'

/**
 * Milliseconds after an event at which to look again: the system tells of the first write of a transaction, which others can see
 * only after its last, and with `durability: 'disk'` only after the disk has it.
 */
const looks = [1, 3, 10, 30, 100]
/**
 * Most transactions end soon after their first write: for so many turns of the loop, about half a millisecond, it is looked at in each. One's own
 * commits make events too, for nothing: so there is a store of looks, which fills again by so many in a millisecond.
 */
const closeLooks = 30
const closeLooksKept = 90
const closeLooksPerMs = 6
/** For what no event told of. */
const pollInterval = 1_000

interface ChangeWatchParts {
  /** The database; what is watched is the log beside it, to which every commit is written. It exists while a connection is open. */
  readonly path: string
  /** Differs from what it last was when somebody else has committed. */
  readonly version: () => number
  readonly changed: () => void
  readonly clock: Clock
  readonly log: Logger
}

/**
 * Notices what other connections commit, in this process or another, without asking all the time.
 *
 * An event only says "look": a look costs microseconds, and `changed` is called only where the file's version has changed.
 */
export class ChangeWatch {
  readonly #parts: ChangeWatchParts
  #watcher: FSWatcher | undefined
  #poll: Timer | undefined
  #again: Timer | undefined
  #looked = 0
  #queued = false
  #closeLooks = 0
  #closeLooksLeft = closeLooksKept
  #filledAt = 0
  #version = 0

  constructor(parts: ChangeWatchParts) {
    this.#parts = parts
  }

  /** Starts, and says true, where it has not yet. What was committed before is not told. */
  start(): boolean {
    if (this.#poll) return false
    const { path, version } = this.#parts
    this.#version = version()
    try {
      this.#watcher = watch(`${path}-wal`, { persistent: false }, () => this.#event())
      this.#watcher.on('error', (error) => this.#unwatchable(error))
    } catch (error) {
      this.#unwatchable(error)
    }
    this.#pollLater()
    return true
  }

  stop(): void {
    this.#poll?.[Symbol.dispose]()
    this.#again?.[Symbol.dispose]()
    this.#watcher?.close()
    this.#poll = this.#again = this.#watcher = undefined
  }

  #unwatchable(error: unknown): void {
    const { path, log } = this.#parts
    log.warn({ path, error }, 'the file cannot be watched for changes, so it is looked at each second instead')
    this.#watcher?.close()
    this.#watcher = undefined
  }

  #pollLater(): void {
    this.#poll = this.#parts.clock.after(pollInterval, () => {
      this.#look()
      if (this.#poll) this.#pollLater()
    })
  }

  /** One transaction makes several events: they are answered by one look, at the end of this turn of the loop. */
  #event(): void {
    if (this.#queued) return
    this.#queued = true
    setImmediate(() => {
      this.#queued = false
      if (!this.#watcher) return
      this.#looked = 0
      const now = this.#parts.clock.elapsed()
      this.#closeLooksLeft = Math.min(closeLooksKept, this.#closeLooksLeft + closeLooksPerMs * (now - this.#filledAt))
      this.#filledAt = now
      this.#closeLooks = closeLooks
      this.#lookClosely()
    })
  }

  /** Until something has changed, or the time for that is over. */
  #lookClosely(): void {
    const changed = this.#look()
    if (changed || this.#closeLooks-- <= 0 || this.#closeLooksLeft < 1) return this.#lookAgain()
    this.#closeLooksLeft--
    this.#queued = true
    setImmediate(() => {
      this.#queued = false
      if (this.#watcher) this.#lookClosely()
    })
  }

  #lookAgain(): void {
    this.#again?.[Symbol.dispose]()
    const wait = looks[this.#looked++]
    this.#again = wait === undefined ? undefined : this.#parts.clock.after(wait, () => {
      this.#look()
      this.#lookAgain()
    })
  }

  /** Whether it has changed. */
  #look(): boolean {
    const { version, changed, log, path } = this.#parts
    try {
      const current = version()
      if (current === this.#version) return false
      changed()
      this.#version = current
      return true
    } catch (error) {
      // Locked, or worse: the next look tries again, and the next call reports what is worse.
      log.debug({ path, error }, 'the file could not be looked at for changes')
      return false
    }
  }
}
