import { availableParallelism } from 'node:os'
import type { ResourceLimits } from 'node:worker_threads'
import { afterMicrotasks } from '../../concurrency/after-microtasks.ts'
import { Drain } from '../../concurrency/drain.ts'
import { Fifo } from '../../concurrency/fifo.ts'
import { type Clock, type Timer, systemClock } from '../../kernel/clock.ts'
import type { Deadline } from '../../kernel/deadline.ts'
import { ClosedError, LoopStalledError, ThreadExitedError, ThreadReplacedError, ThreadStartError, type TreadleError } from '../../kernel/errors.ts'
import { type Logger, harmless, silentLogger } from '../../kernel/logger.ts'
import { Service } from '../../kernel/service.ts'
import type { Place } from '../../tasks/task.ts'
import { toPortable } from '../../wire/portable-error.ts'
import type { Call, Executor, Outcome } from '../executor.ts'
import { KnownTasks } from './known-task.ts'
import type { StopReason, TaskManifest } from './messages.ts'
import { PooledCall } from './pooled-call.ts'
import { StallWatch } from './stall-watch.ts'
import { TaskThread, type ThreadEnd, endOf } from './task-thread.ts'

export interface ThreadExecutorOptions {
  /** What it runs: calls that compute, each with a thread to itself, or calls that wait, many on one thread's loop. Default: `'thread'`. */
  place?: Place
  /** How many threads at most; they start when there is work. Default: as many as cores for `'thread'`, 1 for `'loop'`. */
  threads?: number
  /** How many calls each thread runs at once. Default: 1 for `'thread'`, 100 for `'loop'`. */
  concurrency?: number
  /** How long a call may take to end by itself once its signal aborted, in milliseconds; then its thread is stopped. Default: 500. */
  grace?: number
  /** How long a hosted loop may stand still before its thread is replaced, in milliseconds. Default: 30 000. */
  stallLimit?: number
  /** Hears of a hosted loop that stands still, about twice a second, with what runs on it. */
  onStall?: (ms: number, tasks: string[]) => void
  /** The threads' name, as tools show it. Default: `'treadle'`. */
  name?: string
  /** Flags of Node for the threads. Default: the process's own. */
  execArgv?: readonly string[]
  /** What a thread may use of memory. Default: as Node has it. */
  resourceLimits?: ResourceLimits
  clock?: Clock
  log?: Logger
}

/** How much work a thread is given beyond what it runs, in milliseconds: enough to hide a message's way, too little to wait behind. */
const workAhead = 1

/** When a thread's current call takes longer than this, in milliseconds, what waits behind it goes to others. */
const impatience = 3

/** How long importing a module may take before it counts as the call's own time, in milliseconds. */
const loadLimit = 60_000

/** So many threads in a row may fail to start; then what waits is handed back. */
const failedStartLimit = 3

/** How long `close` waits for threads that were told to end, in milliseconds: one inside native code ends when that returns. */
const lastWait = 2_000

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
export class ThreadExecutor extends Service implements Executor {
  readonly place: Place
  readonly concurrency: number
  readonly #options: ThreadExecutorOptions
  readonly #maxThreads: number
  readonly #perThread: number
  readonly #grace: number
  readonly #log: Logger
  readonly #tasks = new KnownTasks()
  readonly #queue = new Fifo<PooledCall>()
  readonly #threads = new Set<TaskThread>()
  readonly #ending = new Set<Promise<void>>()
  readonly #stalls: StallWatch | undefined
  readonly #drain: Drain
  #dispatching = false
  #watching: Timer | undefined
  #failedStarts = 0
  #threadCount = 0

  constructor(options: ThreadExecutorOptions = {}) {
    const { place = 'thread', clock = systemClock } = options
    super(clock)
    const hosted = place === 'loop'
    this.#drain = new Drain(clock)
    this.place = place
    this.#options = options
    this.#maxThreads = options.threads ?? (hosted ? 1 : availableParallelism())
    this.#perThread = options.concurrency ?? (hosted ? 100 : 1)
    this.concurrency = this.#maxThreads * this.#perThread
    this.#grace = options.grace ?? 500
    this.#log = harmless(options.log ?? silentLogger)
    if (hosted) {
      this.#stalls = new StallWatch({
        clock,
        limit: options.stallLimit ?? 30_000,
        threads: () => this.#threads,
        onStall: (thread, ms) => this.#onStall(thread, ms),
        onLimit: (thread, ms) => this.#replaceStalled(thread, ms)
      })
    }
  }

  execute(call: Call): Promise<Outcome> {
    if (this.closing) return Promise.resolve(handedBack(new ClosedError('The executor')))
    if (call.signal?.aborted) return Promise.resolve({ kind: 'cancelled' })
    return new Promise((resolve) => {
      const pooled = new PooledCall(call, this.#tasks.of(call.task), resolve)
      pooled.onAbort(() => this.#stop(pooled, 'cancelled'))
      this.#queue.push(pooled)
      this.#wake()
    })
  }

  /**
   * Imports modules in a thread and describes the tasks that they export.
   *
   * @throws TaskModuleError, DuplicateTaskError, ThreadExitedError, as plain errors with that name and code; ClosedError
   */
  async describeTasks(modules: readonly string[]): Promise<TaskManifest[]> {
    await this.start()
    const [thread = this.#startThread()] = this.#threads
    return thread.describe(modules)
  }

  protected onStart(): void {}

  protected async onClose(deadline: Deadline): Promise<void> {
    this.#drain.by(deadline)
    this.#dispatch()
    await this.#drain.over
    this.#watching?.[Symbol.dispose]()
    const error = new ClosedError('The executor')
    for (const thread of this.#threads) {
      for (const call of this.#kill(thread)) call.settle(handedBack(error))
      for (const call of thread.inFlight.values()) call.settle(handedBack(error))
    }
    for (const call of this.#queue.drain()) call.settle(handedBack(error))
    const waited = new AbortController()
    await Promise.race([Promise.all(this.#ending), this.clock.sleep(lastWait, waited.signal)])
    waited.abort()
  }

  protected override onHurry(deadline: Deadline): void {
    this.#drain.by(deadline)
  }

  #wake(): void {
    if (this.#dispatching) return
    this.#dispatching = true
    void this.start().catch(() => {}) // closing: what waits is settled by that
    afterMicrotasks(() => this.#dispatch())
  }

  /** Gives what waits to threads with room, in order, and starts threads where there is none. */
  #dispatch(): void {
    this.#dispatching = false
    let given = false
    for (let call = this.#queue.peek(); call; call = this.#queue.peek()) {
      if (!call.settled) {
        const thread = this.#threadFor(call)
        if (!thread) break
        thread.give(call)
        if (this.#perThread > 1 || thread.inFlight.size === 1) this.#startTimer(call)
        given = true
      }
      this.#queue.shift()
    }
    if (given) {
      for (const thread of this.#threads) thread.send()
      this.#watch()
      this.#stalls?.wake()
    }
    if (this.#queue.size > 0) this.#startThreads()
    else if (this.closing && this.#idle()) this.#drain.end()
  }

  #idle(): boolean {
    for (const thread of this.#threads) if (thread.inFlight.size > 0) return false
    return this.#queue.size === 0
  }

  /** The thread that would come to the call first, if any may be given it. */
  #threadFor({ task, carriage }: PooledCall): TaskThread | undefined {
    let best: TaskThread | undefined
    for (const thread of this.#threads) {
      if (!thread.ready || thread.stuck || thread.board.takingBack) continue
      const { size } = thread.inFlight
      // A hosted loop begins what waits in its inbox by itself, as others end.
      const fits = this.#perThread > 1
        ? size < this.#perThread || (thread.loaded.has(task.id) && (size - this.#perThread) * (task.cost + carriage) < workAhead * this.#perThread)
        : size === 0 || (thread.ahead > 0 && thread.loaded.has(task.id) && thread.ahead + task.cost + carriage <= workAhead)
      if (!fits) continue
      if (size === 0 && thread.loaded.has(task.id)) return thread
      if (!best || (this.#perThread > 1 ? size < best.inFlight.size : thread.ahead < best.ahead || (size === 0 && best.inFlight.size > 0))) best = thread
    }
    return best
  }

  #startThreads(): void {
    let starting = 0
    for (const thread of this.#threads) if (!thread.ready) starting++
    for (const wanted = Math.ceil(this.#queue.size / this.#perThread); starting < wanted && this.#threads.size < this.#maxThreads; starting++) this.#startThread()
  }

  #startThread(): TaskThread {
    const { name = 'treadle', execArgv, resourceLimits, log } = this.#options
    const thread = new TaskThread({
      name: `${name} ${++this.#threadCount}`,
      place: this.place,
      concurrency: this.#perThread,
      ...(execArgv ? { execArgv } : {}),
      ...(resourceLimits ? { resourceLimits } : {}),
      logs: log !== undefined,
      log: this.#log
    }, {
      onOutcome: (own, call, outcome) => this.#onOutcome(own, call, outcome),
      onRefused: (_, call, error) => {
        call.settle({ kind: 'threw', error: toPortable(error), thrown: error, mayRetry: false, spent: { wall: 0, cpu: 0 } })
        this.#wake()
      },
      onLoaded: (own, task) => this.#onLoaded(own, task),
      onRoom: (own) => this.#onRoom(own),
      onEnd: (own, end) => this.#onEnd(own, end)
    })
    this.#threads.add(thread)
    const ended = thread.ended.finally(() => this.#ending.delete(ended))
    this.#ending.add(ended)
    return thread
  }

  #onOutcome(thread: TaskThread, call: PooledCall, outcome: Outcome): void {
    if ('spent' in outcome) call.task.learn(outcome.spent.wall)
    call.settle(outcome)
    this.#replaceDeserted(thread)
  }

  /** Ends a thread on which only calls are left that were left behind: they hold its places, and others may want them. */
  #replaceDeserted(thread: TaskThread): void {
    if (this.#perThread === 1 || thread.inFlight.size === 0 || !this.#threads.has(thread)) return
    for (const call of thread.inFlight.values()) if (!call.settled) return
    this.#queue.putBack(this.#kill(thread))
    this.#wake()
  }

  #onLoaded(thread: TaskThread, task: number): void {
    for (const call of thread.inFlight.values()) {
      if (call.task.id !== task || !call.timer || call.stopping) continue
      call.clearTimer()
      this.#startTimer(call)
    }
  }

  #onRoom(thread: TaskThread): void {
    this.#failedStarts = 0
    if (this.#perThread === 1) {
      const [head] = thread.inFlight.values()
      if (head) this.#startTimer(head)
    }
    if (this.#queue.size > 0 || this.closing) this.#wake()
  }

  /** Counts a call's time. A thread that runs one at a time begins a call when the one before it has ended. */
  #startTimer(call: PooledCall): void {
    const { timeout } = call.call
    if (timeout === Infinity || call.timer || call.stopping || call.settled) return
    const loaded = call.thread?.loaded.has(call.task.id)
    call.timer = this.clock.after(loaded ? timeout : timeout + loadLimit, () => {
      call.timer = undefined
      const { thread } = call
      if (!thread) return
      const ended = this.#perThread === 1 && thread.board.lastBegun > call.seq
      if (thread.hasBegun(call) && !ended) this.#stop(call, 'timedOut')
      else this.#startTimer(call)
    })
  }

  #stop(call: PooledCall, why: StopReason): void {
    if (call.settled || call.stopping) return
    const { thread } = call
    if (thread && !thread.hasBegun(call)) this.#takeBack(thread)
    if (!call.thread) {
      call.settle({ kind: why })
      return this.#wake()
    }
    call.stopping = why
    call.clearTimer()
    call.thread.stop(call, why)
    call.timer = this.clock.after(this.#grace, () => this.#killFor(call))
  }

  /**
   * A call did not end within its grace. Where the loop that it shares still turns, it merely waits for something: it is left behind,
   * and costs the others nothing. Else its thread is stopped, and what shared it is handed back.
   */
  #killFor(culprit: PooledCall): void {
    const { thread } = culprit
    if (!thread?.inFlight.has(culprit.seq) || !this.#threads.has(thread)) return
    const blocking = thread.board.firstPart
    if (this.#perThread > 1 && blocking !== culprit.seq && thread.inFlight.has(blocking)) {
      // It cannot have heard: another call holds the loop, which is for the stall watch to judge. Its caller need not wait for that.
      culprit.settle({ kind: culprit.stopping ?? 'cancelled' })
      culprit.timer = this.clock.after(this.#grace, () => this.#killFor(culprit))
      return
    }
    if (this.#perThread > 1 && blocking === 0 && thread.board.beats !== culprit.beatsAtStop) {
      culprit.settle({ kind: culprit.stopping ?? 'cancelled' })
      this.#log.warn({ task: culprit.name, grace: this.#grace }, 'a call did not end when it was told to: it is left behind')
      return this.#replaceDeserted(thread)
    }
    this.#log.warn({ task: culprit.name, grace: this.#grace }, 'a call did not end when it was told to: its thread is replaced')
    this.#queue.putBack(this.#kill(thread))
    culprit.settle({ kind: culprit.stopping ?? 'cancelled' })
    for (const call of thread.inFlight.values()) call.settle(handedBack(lostThread(call, `'${culprit.name}' did not end when it was told to`)))
    this.#wake()
  }

  #kill(thread: TaskThread): PooledCall[] {
    this.#threads.delete(thread)
    return thread.kill()
  }

  #takeBack(thread: TaskThread): boolean {
    const calls = thread.takeBack()
    if (!calls) return false
    this.#queue.putBack(calls)
    return calls.length > 0
  }

  /** Takes what waits behind a long call to other threads. */
  #watch(): void {
    if (this.#perThread > 1 || this.#watching) return
    const heads = new Map<TaskThread, number>()
    for (const thread of this.#threads) if (thread.inFlight.size > 1) heads.set(thread, thread.board.lastBegun)
    if (heads.size === 0) return
    this.#watching = this.clock.after(impatience, () => {
      this.#watching = undefined
      for (const [thread, head] of heads) {
        if (thread.inFlight.size < 2 || thread.board.lastBegun !== head || !this.#threads.has(thread)) continue
        // With nothing begun it was we who were slow to hear of it, not the thread.
        if (this.#takeBack(thread)) thread.stuck = thread.inFlight.size > 0
      }
      this.#watch()
      if (this.#queue.size > 0) this.#wake()
    })
  }

  #onStall(thread: TaskThread, ms: number): void {
    const first = thread.inFlight.get(thread.board.firstPart)
    const calls = first ? [first] : [...thread.inFlight.values()]
    this.#options.onStall?.(ms, [...new Set(calls.map((call) => call.name))])
  }

  #replaceStalled(thread: TaskThread, ms: number): void {
    this.#queue.putBack(this.#kill(thread))
    const [only, another] = thread.inFlight.values()
    const culprit = another ? thread.inFlight.get(thread.board.firstPart) : only
    this.#log.error({ ms, tasks: [...thread.inFlight.values()].map((call) => call.name) }, 'an event loop stood still: its thread is replaced')
    this.#settleBegun(thread, culprit, (call) => new LoopStalledError(`'${call.name}'`, Math.round(ms)))
    this.#wake()
  }

  #onEnd(thread: TaskThread, { code, error, culprit: known }: ThreadEnd): void {
    this.#threads.delete(thread)
    const how = endOf(code, error)
    this.#log.warn({ how, err: error }, 'a thread ended by itself')
    this.#queue.putBack(thread.takeRest())
    if (!thread.ready && ++this.#failedStarts >= failedStartLimit) this.#giveUp(how, error)
    const begun = [...thread.inFlight.values()]
    const culprit = known === undefined
      ? thread.inFlight.get(thread.board.firstPart) ?? begun.at(-1)
      : thread.inFlight.get(known)
    this.#settleBegun(thread, culprit, (call) => new ThreadExitedError(`'${call.name}'`, how, { cause: error }))
    this.#wake()
  }

  #settleBegun(thread: TaskThread, culprit: PooledCall | undefined, errorOf: (call: PooledCall) => TreadleError): void {
    for (const call of thread.inFlight.values()) {
      if (call === culprit) call.settle(died(errorOf(call)))
      else call.settle(handedBack(lostThread(call, culprit ? `'${culprit.name}' ended it or held it up` : 'something ended it or held it up that could not be told')))
    }
  }

  /** Threads do not start here: nothing that waits for one will ever run. */
  #giveUp(how: string, cause: unknown): void {
    this.#failedStarts = 0
    for (const call of this.#queue.drain()) call.settle(handedBack(new ThreadStartError(`'${call.name}'`, how, { cause })))
  }
}

function lostThread(call: PooledCall, why: string): ThreadReplacedError {
  return new ThreadReplacedError(`'${call.name}'`, why)
}

function handedBack(error: TreadleError): Outcome {
  return { kind: 'handedBack', error: toPortable(error), thrown: error }
}

function died(error: TreadleError): Outcome {
  return { kind: 'died', error: toPortable(error), thrown: error }
}
