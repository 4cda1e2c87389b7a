import type { Clock, Timer } from '../../kernel/clock.ts'
import type { Place } from '../../tasks/task.ts'
import { type WorkerChange, workerEnded, workerStarted } from '../statistics.ts'
import type { CallHost, HostCall } from './call-host.ts'

/**
 * How long hosts that were told to end may take, in milliseconds; then they are ended by force, and `close` waits as long once more: a thread inside native code ends when that returns,
 * and what was opened may take its time to close.
 */
const lastWait = 1_000

export interface HostsOptions {
  readonly place: Place
  /** How many at most. */
  readonly most: number
  /** How long one may idle before it is ended, in milliseconds; `Infinity` for as long as the pool is open. */
  readonly idleAfter: number
  /** So many stay though they idle. */
  readonly keepIdle: number
  readonly clock: Clock
}

/** The hosts of a pool: those that there are, and those that are ending. */
export class Hosts implements Iterable<CallHost> {
  /** How many at most. */
  most: number
  readonly #options: HostsOptions
  readonly #hosts = new Set<CallHost>()
  readonly #ending = new Map<CallHost, Promise<void>>()
  /** In the order of the times, in milliseconds of the clock's `elapsed()`. */
  readonly #idleSince = new Map<CallHost, number>()
  #reaping: Timer | undefined

  constructor(options: HostsOptions) {
    this.#options = options
    this.most = options.most
  }

  get size(): number {
    return this.#hosts.size
  }

  get isFull(): boolean {
    return this.#hosts.size >= this.most
  }

  /** How many calls that wait now could have a host to themselves, once all have started. */
  get free(): number {
    let free = this.most
    for (const host of this.#hosts) if (host.inFlight.size > 0 || host.worn) free--
    return free
  }

  has(host: CallHost): boolean {
    return this.#hosts.has(host)
  }

  [Symbol.iterator](): IterableIterator<CallHost> {
    return this.#hosts.values()
  }

  /** It is starting. */
  add(host: CallHost): void {
    const change: WorkerChange = { worker: host.name, place: this.#options.place }
    this.#hosts.add(host)
    if (workerStarted.hasSubscribers) workerStarted.publish(change)
    this.#ending.set(host, host.ended.finally(() => {
      this.#ending.delete(host)
      if (workerEnded.hasSubscribers) workerEnded.publish(change)
    }))
  }

  /** It has ended, or is as good as that. */
  delete(host: CallHost): void {
    this.#hosts.delete(host)
    this.#idleSince.delete(host)
  }

  /** Ends it, wherever its code is. Returns what had not begun. */
  kill(host: CallHost): HostCall[] {
    this.delete(host)
    return host.kill()
  }

  /** Lets it end. Another comes when there is work again. */
  retire(host: CallHost): void {
    this.delete(host)
    host.retire()
    const late = this.#options.clock.after(lastWait, () => host.kill(), { background: true })
    void host.ended.then(() => late[Symbol.dispose]())
  }

  /** It was given something to do. */
  works(host: CallHost): void {
    this.#idleSince.delete(host)
  }

  /** It has nothing to do. */
  rests(host: CallHost): void {
    const { idleAfter, clock } = this.#options
    if (idleAfter === Infinity) return
    this.#idleSince.set(host, clock.elapsed())
    this.#reap()
  }

  /** No more are ended for idling. */
  stopReaping(): void {
    this.#reaping?.[Symbol.dispose]()
  }

  /** Waits for those that were told to end, for a time; then ends them by force, and waits once more. */
  async untilEnded(): Promise<void> {
    await this.#waitForEnds()
    // One that was let go and still has something to do of its own.
    for (const host of this.#ending.keys()) host.kill()
    await this.#waitForEnds()
  }

  async #waitForEnds(): Promise<void> {
    if (this.#ending.size === 0) return
    const waited = new AbortController()
    await Promise.race([Promise.all(this.#ending.values()), this.#options.clock.sleep(lastWait, waited.signal)])
    waited.abort()
  }

  /** Ends those that have idled for long. */
  #reap(): void {
    const { idleAfter, keepIdle, clock } = this.#options
    const [first] = this.#idleSince.values()
    if (first === undefined || this.#reaping || this.#hosts.size <= keepIdle) return
    this.#reaping = clock.after(Math.max(0, first + idleAfter - clock.elapsed()), () => {
      this.#reaping = undefined
      const latest = clock.elapsed() - idleAfter
      for (const [host, since] of this.#idleSince) {
        if (since > latest || this.#hosts.size <= keepIdle) break
        // One that is asked something rests again when it has answered.
        if (host.isFree) this.retire(host)
        else this.#idleSince.delete(host)
      }
      this.#reap()
    }, { background: true })
  }
}
