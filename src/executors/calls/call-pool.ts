import { availableParallelism } from 'node:os'
import { afterMicrotasks } from '../../concurrency/after-microtasks.ts'
import { Drain } from '../../concurrency/drain.ts'
import type { Clock, Timer } from '../../kernel/clock.ts'
import type { Deadline } from '../../kernel/deadline.ts'
import { ClosedError, PoolFullError, type TreadleError } from '../../kernel/errors.ts'
import { type Logger, harmless } from '../../kernel/logger.ts'
import { Service } from '../../kernel/service.ts'
import { loadLimit } from '../../tasks/loader.ts'
import type { Place, TaskRef } from '../../tasks/task.ts'
import { takeMoved } from '../../wire/moving.ts'
import { toPortable } from '../../wire/portable-error.ts'
import type { Call, Caller, Outcome, ResizableExecutor } from '../executor.ts'
import type { ExecutorStatistics } from '../statistics.ts'
import { type HostRules, hostFor, toShare } from './balance.ts'
import type { CallHost, HostCall, HostEnd, HostListener } from './call-host.ts'
import { CallQueue } from './call-queue.ts'
import { Hosts } from './hosts.ts'
import { KnownTasks } from './known-task.ts'
import type { StopReason, TaskManifest } from './messages.ts'
import { type Ledger, PooledCall, weightOf } from './pooled-call.ts'

export interface CallPoolOptions {
  readonly place: Place
  /** What its hosts are, in the log. */
  readonly kind: 'thread' | 'process'
  /** How many hosts at most. */
  readonly hosts: number
  /** How many calls each runs at once. */
  readonly perHost: number
  /** Whether a host is given short calls beyond what it runs. */
  readonly sendsAhead: boolean
  /** How long a call may take to end by itself once its signal aborted, in milliseconds. */
  readonly grace: number
  /** How long a host may idle before it is ended, in milliseconds; `Infinity` for as long as the pool is open. */
  readonly idleAfter: number
  /** So many hosts stay though they idle. */
  readonly keepIdle: number
  /** So many calls, and bytes of arguments, wait at most: more are refused. */
  readonly maxQueue: number
  readonly maxQueueBytes: number
  readonly clock: Clock
  readonly log: Logger
}

/** When a host's current call takes longer than this, in milliseconds, what waits behind it goes to others. */
const impatience = 1

/** So many calls, asked for in one tick, are given to hosts at once: these begin while the rest is asked for. */
const eagerly = 128

/** Starting takes a core: more at once would all be ready later, and keep the cores from what computes. */
const startsAtOnce = availableParallelism()

/** So many hosts in a row may fail to start; then what waits is handed back. */
const failedStartLimit = 3

/**
 * Runs calls on hosts of its own: threads or child processes.
 *
 * Hosts start when there is work, and do not keep the program alive while they idle.
 */
export abstract class CallPool extends Service implements ResizableExecutor {
  readonly place: Place
  readonly #kind: 'thread' | 'process'
  #rules: HostRules
  readonly #grace: number
  readonly #maxQueue: number
  readonly #maxQueueBytes: number
  readonly #log: Logger
  readonly #tasks = new KnownTasks()
  readonly #queue = new CallQueue<HostCall>()
  readonly #hosts: Hosts
  readonly #drain: Drain
  readonly #onAbort = (call: HostCall): void => this.#stop(call, 'cancelled')
  #dispatching = false
  readonly #ledger: Ledger
  /** Whether calls are being given: what a getter of their arguments asks for comes after them. */
  #giving = false
  #watching: Timer | undefined
  #failedStarts = 0
  /** Those that wait for room in the queue. */
  readonly #wantRoom: (() => void)[] = []
  #outcomes = 0

  constructor({ place, kind, hosts, perHost, sendsAhead, grace, idleAfter, keepIdle, maxQueue, maxQueueBytes, clock, log }: CallPoolOptions) {
    super(clock)
    this.place = place
    this.#kind = kind
    this.#ledger = { place, now: clock.elapsed() }
    this.#hosts = new Hosts({ place, most: hosts, idleAfter, keepIdle, clock })
    this.#rules = { perHost, sendsAhead }
    this.#grace = grace
    this.#maxQueue = maxQueue
    this.#maxQueueBytes = maxQueueBytes
    this.#log = harmless(log)
    this.#drain = new Drain(clock)
  }

  protected abstract startHost(listener: HostListener): CallHost
  protected abstract exitedError(what: string, how: string, cause: unknown): TreadleError
  protected abstract startError(what: string, how: string, cause: unknown): TreadleError
  protected abstract replacedError(what: string, why: string): TreadleError
  /** Calls were sent to hosts. */
  protected onGiven(): void {}

  get concurrency(): number {
    return this.#hosts.most * this.perHost
  }

  /** How many calls each host runs at once. */
  protected get perHost(): number {
    return this.#rules.perHost
  }

  resize(concurrency: number): void {
    if (this.place === 'loop') {
      // One at a time is another way to work, and what is under way began in this one.
      const perHost = Math.max(2, concurrency)
      this.#rules = { ...this.#rules, perHost }
      for (const host of this.#hosts) host.resize(perHost)
    } else {
      this.#hosts.most = concurrency
      const idlest = [...this.#hosts].toSorted((a, b) => a.inFlight.size - b.inFlight.size)
      for (const host of idlest.slice(0, Math.max(0, this.#hosts.size - concurrency))) {
        if (host.isFree) this.#hosts.retire(host)
        else host.worn = true
      }
    }
    if (this.#queue.size > 0) this.#wake()
  }

  /** How many hosts there are now. */
  get size(): number {
    return this.#hosts.size
  }

  execute(call: Call): Promise<Outcome> {
    return new Promise((settled) => { this.submit(call, { settled }) })
  }

  submit(call: Call, caller: Caller): void {
    if (this.closing) return queueMicrotask(() => caller.settled(handedBack(new ClosedError('The executor'))))
    if (call.signal?.aborted) return queueMicrotask(() => caller.settled({ kind: 'cancelled' }))
    if (!this.#dispatching) this.#ledger.now = this.clock.elapsed()
    if (!call.isBounded && this.#refuses(call)) return queueMicrotask(() => caller.settled(handedBack(new PoolFullError(`'${call.title ?? call.task.name}'`))))
    const moved = 'args' in call.input ? takeMoved(call.input.args) : undefined
    const pooled = new PooledCall<CallHost>(call, this.#tasks.of(call.task), this.#ledger, this.#kind === 'thread' ? moved : undefined, caller)
    pooled.onAbort(this.#onAbort)
    this.#queue.push(pooled)
    this.#wake()
    // What a long tick submits need not wait for its end.
    if (this.#queue.size % eagerly === 0) this.#dispatch()
  }

  /**
   * Describes, by importing their modules in a thread or process of its own, the tasks that modules export, or those given.
   *
   * @throws TaskModuleError, TaskNotExportedError, TaskIsClosureError, DuplicateTaskError, ThreadExitedError or ProcessExitedError, as plain errors with that name and code; ClosedError
   */
  async describeTasks(asked: readonly (string | TaskRef)[]): Promise<TaskManifest[]> {
    await this.start()
    const [host = this.#startHost()] = this.#hosts
    return host.describe(asked)
  }

  /** Resolves when a call would not be refused for want of room. */
  async ready(): Promise<void> {
    while (this.#isFull(0) && !this.closing) await new Promise<void>((resolve) => { this.#wantRoom.push(resolve) })
  }

  /** What waits for hosts that start, or idle, does not count: it goes as soon as it can. */
  #isFull(bytes: number): boolean {
    const { free } = this.#hosts
    return this.#queue.size >= this.#maxQueue + free * this.perHost || (this.#queue.size > free && this.#queue.bytes + bytes >= this.#maxQueueBytes)
  }

  #refuses({ input }: Call): boolean {
    if (this.#maxQueue === Infinity && this.#maxQueueBytes === Infinity) return false
    const bytes = weightOf(input)
    if (!this.#isFull(bytes)) return false
    this.#dispatch()
    return this.#isFull(bytes)
  }

  #tellRoom(): void {
    if (this.#wantRoom.length === 0 || this.#isFull(0)) return
    // Each has a place: what they submit is not refused.
    for (const go of this.#wantRoom.splice(0, this.#maxQueue + this.#hosts.free * this.perHost - this.#queue.size)) go()
  }

  statistics(): ExecutorStatistics {
    let running = 0
    for (const host of this.#hosts) running += host.inFlight.size
    return {
      place: this.place,
      waiting: this.#queue.size,
      running,
      tasks: Object.fromEntries(Array.from(this.#tasks, ({ ref: { name }, times }) => [name, times.statistics])),
      workers: Array.from(this.#hosts, ({ name, calls, running: ms, utilization, sent, received }) => ({ name, calls, running: ms, utilization, sent, received }))
    }
  }

  /**
   * Starts all hosts, and has each import the modules of these tasks.
   *
   * @throws as `describeTasks`
   */
  async warm(tasks: readonly TaskRef[]): Promise<void> {
    await this.start()
    while (!this.#hosts.isFull) this.#startHost()
    await Promise.all(Array.from(this.#hosts, (host) => host.describe(tasks)))
  }

  /** Runs the call once on each host that there is. */
  broadcast(call: Call): Promise<Outcome[]> {
    if (this.closing) return Promise.resolve([handedBack(new ClosedError('The executor'))])
    if (call.signal?.aborted) return Promise.resolve([{ kind: 'cancelled' }])
    return Promise.all(Array.from(this.#hosts, (host) => new Promise<Outcome>((settled) => {
      const pooled = new PooledCall<CallHost>(call, this.#tasks.of(call.task), this.#ledger, undefined, { settled })
      pooled.onAbort(this.#onAbort)
      pooled.only = host
      this.#putBack([pooled])
    })))
  }

  protected onStart(): void {}

  protected async onClose(deadline: Deadline): Promise<void> {
    this.#drain.by(deadline)
    for (const go of this.#wantRoom.splice(0)) go()
    this.#dispatch()
    await this.#drain.over
    this.#watching?.[Symbol.dispose]()
    this.#hosts.stopReaping()
    const error = new ClosedError('The executor')
    for (const host of this.#hosts) {
      if (host.isFree) {
        this.#hosts.retire(host)
        continue
      }
      for (const call of this.#hosts.kill(host)) call.settle(handedBack(error))
      for (const call of host.inFlight) call.settle(handedBack(error))
    }
    for (const call of this.#queue.drain()) call.settle(handedBack(error))
    await this.#hosts.untilEnded()
  }

  protected override onHurry(deadline: Deadline): void {
    this.#drain.by(deadline)
  }

  #wake(): void {
    if (this.#dispatching) return
    this.#dispatching = true
    void this.start().catch(() => {}) // closing: what waits is settled by that
    afterMicrotasks(() => {
      this.#dispatching = false
      this.#dispatch()
    })
  }

  /** Gives what waits to hosts with room, in order, and starts hosts where there is none. */
  #dispatch(): void {
    if (this.#giving) return
    this.#giving = true
    try {
      if (this.#giveAll()) {
        for (const host of this.#hosts) host.send()
        this.#watch()
        this.onGiven()
      }
    } finally {
      this.#giving = false
    }
    this.#tellRoom()
    if (this.#queue.size > 0) this.#startHosts()
    else if (this.closing && this.#idle()) this.#drain.end()
  }

  /** @returns whether any was given */
  #giveAll(): boolean {
    const now = this.#ledger.now = this.clock.elapsed()
    if (this.#queue.size === 0 && this.perHost === 1 && this.#hosts.size > 1) this.#share(now)
    let given = false
    for (let call = this.#queue.peek(); call; call = this.#queue.peek()) {
      const host = hostFor(call, this.#hosts, this.#rules)
      if (!host) break
      this.#queue.shift()
      this.#give(call, host, now)
      given = true
    }
    return given
  }

  #give(call: HostCall, host: CallHost, now: number): void {
    if (host.inFlight.size === 0) host.heardAt = now
    host.give(call)
    this.#hosts.works(host)
    if (this.perHost > 1 || host.inFlight.size === 1) this.#startTimer(call)
  }

  /** While a host idles, what waits behind a call elsewhere is taken back. */
  #share(now: number): void {
    const share = toShare(this.#hosts, now)
    if (share && this.#takeBack(share.from)) share.from.stuck = share.isLate && share.from.inFlight.size > 0
  }

  #idle(): boolean {
    for (const host of this.#hosts) if (host.inFlight.size > 0) return false
    return this.#queue.size === 0
  }

  #startHosts(): void {
    let starting = 0
    for (const host of this.#hosts) if (!host.ready) starting++
    const wanted = Math.min(startsAtOnce, Math.ceil(this.#queue.size / this.perHost))
    for (; starting < wanted && !this.#hosts.isFull; starting++) {
      try {
        this.#startHost()
      } catch (error) {
        return this.#giveUp(error instanceof Error ? error.message : String(error), error)
      }
    }
  }

  #startHost(): CallHost {
    const host = this.startHost({
      onHeard: () => { this.#ledger.now = this.clock.elapsed() },
      onOutcome: (call, outcome) => this.#onOutcome(call, outcome),
      onRefused: (call, error) => {
        call.settle({ kind: 'threw', error: toPortable(error), thrown: error, mayRetry: false, spent: { wall: 0, cpu: 0 } })
        this.#wake()
      },
      onLoaded: (own, task) => this.#onLoaded(own, task),
      onPassedOver: (own, calls) => this.#onPassedOver(own, calls),
      onRoom: (own) => this.#onRoom(own),
      onEnd: (own, end) => this.#onEnd(own, end)
    })
    this.#hosts.add(host)
    return host
  }

  #onOutcome(call: HostCall, outcome: Outcome): void {
    this.#failedStarts = 0
    if ('spent' in outcome) call.task.learn(outcome.spent.wall)
    const { host } = call
    call.settle(outcome)
    if (host) this.#replaceDeserted(host)
    // Hosts that work through a long queue need not wait until all that they have said was heard.
    if (++this.#outcomes % eagerly === 0) this.#dispatch()
  }

  /** Ends a host on which only calls are left that were left behind: they hold its places, and others may want them. */
  #replaceDeserted(host: CallHost): void {
    if (this.perHost === 1 || host.inFlight.size === 0 || !this.#hosts.has(host)) return
    for (const call of host.inFlight) if (!call.settled) return
    this.#putBack(this.#hosts.kill(host))
    this.#wake()
  }

  #onLoaded(host: CallHost, task: number): void {
    for (const call of host.inFlight) {
      if (call.task.id !== task || !call.timer || call.stopping) continue
      call.clearTimer()
      this.#startTimer(call)
    }
  }

  #onRoom(host: CallHost): void {
    host.heardAt = this.clock.elapsed()
    if (this.perHost === 1) {
      const { head } = host.inFlight
      if (head) this.#startTimer(head)
    }
    if (host.isFree) {
      if (host.worn) this.#hosts.retire(host)
      else this.#hosts.rests(host)
    }
    if (this.#queue.size > 0 || this.closing || (host.inFlight.size === 0 && this.#hosts.size > 1)) this.#wake()
  }

  #onPassedOver(host: CallHost, calls: HostCall[]): void {
    this.#putBack(calls)
    this.#onRoom(host)
  }

  /** They did not begin: others are given them, before all that wait. */
  #putBack(calls: readonly HostCall[]): void {
    const { bound = [], free = [], stopped = [] } = Object.groupBy(calls, ({ stopping, moved, only }) => stopping ? 'stopped' : moved || only ? 'bound' : 'free')
    this.#queue.putBack(free)
    for (const call of stopped) call.settle({ kind: call.stopping! })
    for (const call of bound) {
      const { only } = call
      if (!only || !this.#hosts.has(only)) call.settle(handedBack(this.replacedError(`'${call.name}'`, 'it ended before the call began, which was for it alone')))
      else {
        this.#give(call, only, this.clock.elapsed())
        only.send()
      }
    }
  }

  /** Counts a call's time. A thread that runs one at a time begins a call when the one before it has ended. */
  #startTimer(call: HostCall): void {
    const { timeout } = call.call
    if (timeout === Infinity || call.timer || call.stopping || call.settled) return
    const loaded = call.host?.loaded.has(call.task.id)
    call.timer = this.clock.after(loaded ? timeout : timeout + loadLimit, () => {
      call.timer = undefined
      const { host } = call
      if (!host) return
      const ended = this.perHost === 1 && host.board.lastBegun > call.seq
      if (host.hasBegun(call) && !ended) this.#stop(call, 'timedOut')
      else this.#startTimer(call)
    })
  }

  #stop(call: HostCall, why: StopReason): void {
    if (call.settled || call.stopping) return
    // A getter of what is being given says so: what is given now is taken back when that is done.
    if (this.#giving) return queueMicrotask(() => this.#stop(call, why))
    const { host } = call
    if (host && !host.hasBegun(call)) this.#takeBack(host)
    if (!call.host) {
      call.settle({ kind: why })
      this.#queue.forget(call)
      return this.#wake()
    }
    call.stopping = why
    call.beatsAtStop = call.host.board.beats
    call.clearTimer()
    call.host.stop(call, why)
    call.timer = this.clock.after(this.#grace, () => this.#killFor(call))
  }

  /**
   * A call did not end within its grace. Where the loop that it shares still turns, it merely waits for something: it is left behind,
   * and costs the others nothing. Else its host is stopped, and what shared it is handed back.
   */
  #killFor(culprit: HostCall): void {
    const { host } = culprit
    if (!host?.inFlight.has(culprit.seq) || !this.#hosts.has(host)) return
    const blocking = host.board.firstPart
    if (this.perHost > 1 && blocking !== culprit.seq && host.inFlight.has(blocking)) {
      // It cannot have heard: another call holds the loop, which is for the stall watch to judge. Its caller need not wait for that.
      culprit.settle({ kind: culprit.stopping ?? 'cancelled' })
      culprit.timer = this.clock.after(this.#grace, () => this.#killFor(culprit))
      return
    }
    if (this.perHost > 1 && blocking === 0 && host.board.beats !== culprit.beatsAtStop) {
      culprit.settle({ kind: culprit.stopping ?? 'cancelled' })
      this.#log.warn({ task: culprit.name, grace: this.#grace }, 'a call did not end when it was told to: it is left behind')
      return this.#replaceDeserted(host)
    }
    this.#log.warn({ task: culprit.name, grace: this.#grace }, `a call did not end when it was told to: its ${this.#kind} is replaced`)
    this.#putBack(this.#hosts.kill(host))
    culprit.settle({ kind: culprit.stopping ?? 'cancelled' })
    for (const call of host.inFlight) call.settle(handedBack(this.replacedError(`'${call.name}'`, `'${culprit.name}' did not end when it was told to`)))
    this.#wake()
  }

  #takeBack(host: CallHost): boolean {
    const calls = host.takeBack() ?? []
    if (calls.length === 0) return false
    this.#putBack(calls)
    this.#wake()
    return true
  }

  /** Takes what waits behind a long call to other threads. */
  #watch(): void {
    if (this.perHost > 1 || this.#watching) return
    const heads = new Map<CallHost, number>()
    for (const host of this.#hosts) if (host.inFlight.size > 1 && host.inFlight.head?.call.budget === undefined) heads.set(host, host.board.lastBegun)
    if (heads.size === 0) return
    this.#watching = this.clock.after(impatience, () => {
      this.#watching = undefined
      // What ended before a call that turns out to be long was shown, and nobody woken for it.
      for (const host of heads.keys()) host.look()
      for (const [host, head] of heads) {
        if (host.inFlight.size < 2 || host.board.lastBegun !== head || !host.isAtCall || !this.#hosts.has(host)) continue
        if (this.#takeBack(host)) host.stuck = host.inFlight.size > 0
      }
      this.#watch()
      if (this.#queue.size > 0) this.#wake()
    })
  }

  #onEnd(host: CallHost, { how, error, culprit: known }: HostEnd): void {
    this.#hosts.delete(host)
    this.#log.warn({ how, err: error }, `a ${this.#kind} ended by itself`)
    this.#putBack(host.takeRest())
    // Ready or not: one that comes to no call would be started again and again.
    if (host.board.lastBegun === 0 && ++this.#failedStarts >= failedStartLimit) this.#giveUp(how, error)
    const begun = [...host.inFlight]
    const culprit = known === undefined
      ? host.inFlight.get(host.board.firstPart) ?? (this.perHost === 1 || begun.length === 1 ? begun.at(-1) : undefined)
      : host.inFlight.get(known)
    this.#settleBegun(host, culprit, (call) => this.exitedError(`'${call.name}'`, how, error))
    this.#wake()
  }

  /** Ends a host and settles what it was at: the culprit is charged, the others are handed back. */
  protected replace(host: CallHost, culprit: HostCall | undefined, errorOf: (call: HostCall) => TreadleError): void {
    this.#putBack(this.#hosts.kill(host))
    this.#settleBegun(host, culprit, errorOf)
    this.#wake()
  }

  #settleBegun(host: CallHost, culprit: HostCall | undefined, errorOf: (call: HostCall) => TreadleError): void {
    const why = culprit ? `'${culprit.name}' ended it or held it up` : 'something ended it or held it up that could not be told'
    for (const call of host.inFlight) {
      if (call === culprit) call.settle(died(errorOf(call)))
      else call.settle(handedBack(this.replacedError(`'${call.name}'`, why)))
    }
  }

  /** They do not start here: nothing that waits for one will ever run. */
  #giveUp(how: string, cause: unknown): void {
    this.#failedStarts = 0
    for (const call of this.#queue.drain()) call.settle(handedBack(this.startError(`'${call.name}'`, how, cause)))
    this.#tellRoom()
  }
}

function handedBack(error: TreadleError): Outcome {
  return { kind: 'handedBack', error: toPortable(error), thrown: error }
}

function died(error: TreadleError): Outcome {
  return { kind: 'died', error: toPortable(error), thrown: error }
}
