import { availableParallelism } from 'node:os'
import type { ResourceLimits } from 'node:worker_threads'
import { type Clock, systemClock } from '../../kernel/clock.ts'
import type { Deadline } from '../../kernel/deadline.ts'
import { LoopStalledError, ThreadExitedError, ThreadReplacedError, ThreadStartError, type TreadleError } from '../../kernel/errors.ts'
import { type Logger, silentLogger } from '../../kernel/logger.ts'
import type { HostListener } from '../calls/call-host.ts'
import { CallPool } from '../calls/call-pool.ts'
import type { WearLimits } from '../calls/wear.ts'
import { type HostCall, noHostCalls } from './host-calls.ts'
import { Streams } from '../calls/streams.ts'
import { StallWatch } from './stall-watch.ts'
import { TaskThread } from './task-thread.ts'

export interface ThreadExecutorOptions {
  /**
   * What it runs: calls that compute, each with a thread to itself; calls that block while they wait, likewise, on as many threads
   * as there are calls; or calls that wait, many on one thread's loop. Default: `'thread'`.
   */
  place?: 'thread' | 'blocking' | 'loop'
  /** How many threads at most; they start when there is work. Default: as many as cores for `'thread'`, 64 for `'blocking'`, 1 for `'loop'`. */
  threads?: number
  /** How many calls each thread runs at once. Default: 100 for `'loop'`, else 1. */
  concurrency?: number
  /** How long a call may take to end by itself once its signal aborted, in milliseconds; then its thread is stopped. Default: 500. */
  grace?: number
  /** How long a hosted loop may stand still before its thread is replaced, in milliseconds. Default: 30 000. */
  stallLimit?: number
  /** Hears of a hosted loop that stands still, about twice a second, with what runs on it. */
  onStall?: (ms: number, tasks: string[]) => void
  /** How long a thread may idle before it is ended, in milliseconds. Default: 5 000 for `'blocking'`, else as long as the executor is open. */
  idleAfter?: number
  /** So many threads stay though they idle. Default: 0. */
  keepIdle?: number
  /** So many calls wait at most; more are handed back. Default: no limit. */
  maxQueue?: number
  /** About so many bytes of arguments of calls wait at most. Default: no limit. */
  maxQueueBytes?: number
  /** After what a thread is replaced. Default: never. */
  recycle?: Omit<WearLimits, 'rss'>
  /** The threads' name, as tools show it. Default: `'treadle'`. */
  name?: string
  /** Flags of Node for the threads. Default: the process's own. */
  execArgv?: readonly string[]
  /** What a thread may use of memory. Default: as Node has it. */
  resourceLimits?: ResourceLimits
  /** Runs a task on this thread's loop for a call that asks for it with `fromThread`. Default: it is refused. */
  hostCall?: HostCall
  /** Where what its calls stream is taken from. Default: nobody takes it, and it is refused. */
  streams?: Streams
  clock?: Clock
  log?: Logger
}

/** How many threads, and how many calls each runs at once, where nothing is said. */
const sizes = {
  thread: () => ({ threads: availableParallelism(), concurrency: 1 }),
  blocking: () => ({ threads: 64, concurrency: 1 }),
  loop: () => ({ threads: 1, concurrency: 100 })
}

/**
 * Runs calls on threads of its own. Arguments and results are copied (structured clone).
 *
 * Whatever a call does, only it is lost: it can be stopped at any point of its JavaScript, it may exit or exhaust its thread.
 * Threads start when there is work, and do not keep the process alive while they idle.
 *
 * @example
 * await using threads = new ThreadExecutor({ threads: 4 })
 * const outcome = await threads.execute({ task: definitionOf(area, 'the example'), input: { args: [2, 3] }, timeout: Infinity })
 * outcome.kind   // 'returned'
 */
export class ThreadExecutor extends CallPool {
  readonly #options: ThreadExecutorOptions
  readonly #log: Logger
  readonly #threads = new Set<TaskThread>()
  readonly #stalls: StallWatch | undefined
  readonly #looksOut: boolean
  #threadCount = 0

  constructor(options: ThreadExecutorOptions = {}) {
    const { place = 'thread', clock = systemClock, log = silentLogger, grace = 500, idleAfter = place === 'blocking' ? 5_000 : Infinity } = options
    const { keepIdle = 0, maxQueue = Infinity, maxQueueBytes = Infinity } = options
    const size = sizes[place]()
    const { threads = size.threads, concurrency = size.concurrency } = options
    super({
      place, kind: 'thread', grace, idleAfter, keepIdle, maxQueue, maxQueueBytes, clock, log,
      hosts: threads,
      perHost: concurrency,
      // A call that blocks may do so for long: none waits behind it.
      sendsAhead: place !== 'blocking'
    })
    this.#options = options
    // More than there are cores would take them from each other.
    this.#looksOut = threads <= availableParallelism()
    this.#log = log
    if (place === 'loop') {
      this.#stalls = new StallWatch({
        clock,
        limit: options.stallLimit ?? 30_000,
        threads: () => this.#threads,
        onStall: (thread, ms) => this.#onStall(thread, ms),
        onLimit: (thread, ms) => this.#replaceStalled(thread, ms)
      })
    }
  }

  protected startHost(listener: HostListener): TaskThread {
    const { name = 'treadle', execArgv, resourceLimits, log } = this.#options
    const thread = new TaskThread({
      name: `${name} ${++this.#threadCount}`,
      place: this.place,
      concurrency: this.perHost,
      ...(execArgv ? { execArgv } : {}),
      ...(resourceLimits ? { resourceLimits } : {}),
      hostCall: this.#options.hostCall ?? noHostCalls,
      streams: this.#options.streams ?? new Streams(),
      logs: log !== undefined,
      looksOut: this.#looksOut,
      recycle: this.#options.recycle ?? {},
      log: this.#log
    }, listener)
    this.#threads.add(thread)
    void thread.ended.then(() => this.#threads.delete(thread))
    return thread
  }

  protected override onGiven(): void {
    this.#stalls?.wake()
  }

  protected override async onClose(deadline: Deadline): Promise<void> {
    await super.onClose(deadline)
    this.#stalls?.stop()
  }

  protected exitedError(what: string, how: string, cause: unknown): TreadleError {
    return new ThreadExitedError(what, how, { cause })
  }

  protected startError(what: string, how: string, cause: unknown): TreadleError {
    return new ThreadStartError(what, how, { cause })
  }

  protected replacedError(what: string, why: string): TreadleError {
    return new ThreadReplacedError(what, why)
  }

  #onStall(thread: TaskThread, ms: number): void {
    const first = thread.inFlight.get(thread.board.firstPart)
    const calls = first ? [first] : [...thread.inFlight]
    this.#options.onStall?.(ms, [...new Set(calls.map((call) => call.name))])
  }

  #replaceStalled(thread: TaskThread, ms: number): void {
    this.#threads.delete(thread)
    const begun = [...thread.inFlight].filter((call) => thread.hasBegun(call))
    const culprit = begun.length > 1 ? thread.inFlight.get(thread.board.firstPart) : begun[0]
    this.#log.error({ ms, tasks: begun.map((call) => call.name) }, 'an event loop stood still: its thread is replaced')
    this.replace(thread, culprit, (call) => new LoopStalledError(`'${call.name}'`, Math.round(ms)))
  }
}
