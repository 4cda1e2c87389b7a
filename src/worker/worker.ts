import type { Backend } from '../backends/backend.ts'
import type { BrokerStats, WorkerInfo } from '../backends/broker.ts'
import { type ConcurrencyChange, type HeldAttempt, type RegisteredTask, type WorkerReport, mostConcurrency } from '../backends/control.ts'
import type { PayloadStore } from '../backends/payloads/payload-store.ts'
import { Drain } from '../concurrency/drain.ts'
import { Event } from '../concurrency/event.ts'
import type { ResizableExecutor } from '../executors/executor.ts'
import type { TaskManifest } from '../executors/calls/messages.ts'
import type { Clock } from '../kernel/clock.ts'
import { type Deadline, left } from '../kernel/deadline.ts'
import type { Logger } from '../kernel/logger.ts'
import { Service } from '../kernel/service.ts'
import type { Place } from '../tasks/task.ts'
import { Attempts } from './attempts.ts'
import { type Health, judge } from './health.ts'
import { type Line, lines } from '../jobs/job.ts'
import { JobFeed } from './job-feed.ts'
import { Lane } from './lane.ts'
import { LeaseKeeper, type Named } from './lease-keeper.ts'
import { type Controlled, obey } from './obey.ts'
import { RemoteControl } from './remote-control.ts'
import { JobPruner, type Keeping } from './maintenance/job-pruner.ts'
import { JobRescuer } from './maintenance/job-rescuer.ts'
import { Scheduler } from './maintenance/scheduler.ts'
import { PayloadDesk } from './payload-desk.ts'
import { QueueDraw } from './queue-draw.ts'
import { Reports } from './reports.ts'
import { Tally } from './tally.ts'

export interface WorkerParts {
  readonly id: string
  readonly backend: Backend
  /** Whether closing the worker closes the backend. */
  readonly owned: boolean
  readonly queues: readonly string[]
  /** How often each is looked into before the others; absent where they are one line. */
  readonly weights?: ReadonlyMap<string, number>
  /** How long jobs are kept that have ended; absent where they are for ever. */
  readonly keeping?: Keeping
  /** Milliseconds. */
  readonly lease: number
  /** How long all of a place may be busy without one call ending, until the worker is unready. Milliseconds. */
  readonly busyLimit: number
  readonly executors: ReadonlyMap<Place, ResizableExecutor>
  /** By their names and aliases. */
  readonly tasks: ReadonlyMap<string, TaskManifest>
  readonly payloads: PayloadStore | undefined
  /** Whether it obeys remote control. */
  readonly control: boolean
  /** Whether it fires schedules. */
  readonly schedules: boolean
  readonly clock: Clock
  readonly log: Logger
}

/** How much longer than its deadline a closing worker waits for the broker's last answers, in milliseconds. */
const lastWord = 1_000

/**
 * The supervisor: reserves jobs, gives them to executors, settles how they ended, and keeps the lease meanwhile.
 *
 * No user code runs on its thread: tasks are known by their manifest, arguments and results pass through as bytes.
 */
export class Worker extends Service implements Controlled {
  /** What became of the attempts that ended here. */
  readonly tally: Tally = new Tally()
  readonly #parts: WorkerParts
  readonly #lanes: ReadonlyMap<Line, Lane>
  readonly #feed: JobFeed
  readonly #keeper: LeaseKeeper
  readonly #reports: Reports
  readonly #desk: PayloadDesk | undefined
  readonly #attempts: Attempts
  readonly #stopUpkeep = new AbortController()
  readonly #nothingHeld = new Event()
  readonly #drain: Drain
  readonly #control: RemoteControl | undefined
  readonly #ended = Promise.withResolvers<void>()
  #startedAt = 0
  #upkeep: Promise<unknown> | undefined
  #listening: Disposable | undefined
  #receiving: Disposable | undefined

  constructor(parts: WorkerParts) {
    super(parts.clock)
    this.#parts = parts
    this.#drain = new Drain(parts.clock)
    // Suspects run one at a time in each child process: what ends it can only be the one.
    this.#lanes = new Map(lines.flatMap((line) => {
      const executor = parts.executors.get(line === 'suspect' ? 'process' : line)
      return executor ? [[line, new Lane(executor, parts.clock)]] : []
    }))
    const { backend: broker, clock, log, id: worker, queues, lease } = parts
    this.#keeper = new LeaseKeeper(broker, clock, log)
    this.#reports = new Reports(broker, clock, log)
    this.#control = parts.control ? new RemoteControl({ bus: broker, worker, log, obey: (request) => obey(this, request) }) : undefined
    this.#desk = parts.payloads && new PayloadDesk(parts.payloads, broker, log)
    this.#feed = new JobFeed({
      broker, clock, log, worker, queues, lease,
      ...(parts.weights ? { draw: new QueueDraw(parts.weights) } : {}),
      lanes: this.#lanes,
      reports: this.#reports,
      start: (delivery) => this.#attempts.start(delivery),
      cancel: (attempt) => this.#attempts.cancel(attempt),
      stale: (attempt) => this.#attempts.refused(attempt)
    })
    const { executors, tasks } = parts
    this.#attempts = new Attempts({
      backend: broker, lanes: this.#lanes, executors, tasks, reports: this.#reports, desk: this.#desk, tally: this.tally, clock, log,
      settle: (settlement, lane) => this.#feed.settle(settlement, lane),
      onNone: () => {
        if (!this.closing) return
        this.#nothingHeld.set()
        this.#drain.end()
      }
    })
  }

  get id(): string {
    return this.#parts.id
  }

  /** The names of the tasks that it runs. */
  get tasks(): string[] {
    return [...new Set(Array.from(this.#parts.tasks.values(), ({ name }) => name))]
  }

  /** How many attempts are in its hands. */
  get active(): number {
    return this.#attempts.size
  }

  /** How many attempts run at once, by place. */
  get capacity(): ReadonlyMap<Place, number> {
    return new Map(Array.from(this.#parts.executors, ([place, { concurrency }]) => [place, concurrency]))
  }

  /** Resolves when it has ended, whoever ended it. */
  get ended(): Promise<void> {
    return this.#ended.promise
  }

  /** Whether it takes no jobs for now. */
  get paused(): boolean {
    return this.#feed.paused
  }

  /** Takes no more jobs until `resume`; those in its hands go on. */
  pause(): void {
    this.#feed.paused = true
  }

  resume(): void {
    this.#feed.paused = false
  }

  /** For remote control. */
  attempts(of: 'active' | 'reserved'): readonly HeldAttempt[] {
    return this.#attempts.list(of)
  }

  /** For remote control. */
  registered(): readonly RegisteredTask[] {
    return [...new Set(this.#parts.tasks.values())].map(({ name, aliases, version, runs }) => ({ name, aliases, version, runs }))
  }

  /** For remote control. */
  report(): WorkerReport {
    const reserved = this.attempts('reserved').length
    return {
      queues: this.#parts.queues, ...this.health(), paused: this.paused, uptime: this.clock.elapsed() - this.#startedAt, active: this.active - reserved, reserved,
      concurrency: Object.fromEntries(this.capacity), tasks: Object.fromEntries(Array.from(this.tally, ([task, { outcomes }]) => [task, outcomes])),
      memory: process.memoryUsage.rss(), ignored: this.#control?.ignored ?? 0
    }
  }

  /** Changes how many attempts run at once in a place, until it ends. @returns how many it is now; undefined where it has no such place */
  resize(place: Place, change: ConcurrencyChange): number | undefined {
    const executor = this.#parts.executors.get(place)
    if (!executor) return undefined
    executor.resize(Math.min(mostConcurrency[place], Math.max(1, 'to' in change ? change.to : executor.concurrency + change.by)))
    this.#feed.wake()
    return executor.concurrency
  }

  /** Whether it takes jobs, and if not, why. */
  health(): Health {
    const { clock, busyLimit } = this.#parts
    return judge({ closing: this.closing, paused: this.paused, brokerAnsweredAt: this.#keeper.answeredAt, brokerFailure: this.#keeper.failure, askedAt: this.#feed.askedAt, lanes: this.#lanes.values() }, clock, busyLimit)
  }

  /** How many jobs stand where, and which workers live. */
  stats(): Promise<BrokerStats> {
    return this.#parts.backend.stats()
  }

  protected async onStart(): Promise<void> {
    const { backend, payloads, clock, log, id, lease, queues, keeping, schedules } = this.#parts
    const { signal } = this.#stopUpkeep
    this.#startedAt = this.clock.elapsed()
    this.#listening = backend.listen(queues, () => this.#feed.wake())
    this.#receiving = backend.receive?.(id, (delivery) => this.#feed.take(delivery))
    const rescuer = new JobRescuer(backend, clock, log, lease)
    this.#upkeep = Promise.all([
      this.#keeper.run(id, lease, () => this.#named(), () => this.#info(), (lost) => this.#attempts.loseLease(lost), signal),
      rescuer.run(signal),
      ...keeping ? [new JobPruner(backend, payloads, keeping, clock, log).run(signal)] : [],
      ...schedules ? [new Scheduler(backend, clock, log).run(signal)] : []
    ])
    // Whoever asks once it has started finds it.
    if (this.#control) await Promise.all([this.#keeper.begun, this.#control.start()])
    this.#feed.wake()
    log.info({ worker: id, queues, tasks: this.tasks }, 'worker ready')
  }

  /** Drains: takes no more jobs, lets those under way end by the deadline, and hands back the rest uncharged. The lease is kept meanwhile. */
  protected async onClose(deadline: Deadline): Promise<void> {
    const { backend, executors, owned, id, log } = this.#parts
    this.#feed.stop()
    this.#control?.[Symbol.dispose]()
    this.#listening?.[Symbol.dispose]()
    log.info({ worker: id, active: this.#attempts.size }, 'worker drains')
    // Not waited for: a broker that does not answer must not hold up the drain.
    backend.announce(id).then(
      () => log.debug({ worker: id }, 'drain announced'),
      (error: unknown) => log.warn({ err: error, worker: id }, 'the drain could not be announced')
    )
    // Until nothing is held, or the deadline has come.
    this.#drain.by(deadline)
    if (this.#attempts.size === 0) this.#drain.end()
    await this.#drain.over
    await Promise.all(Array.from(executors.values(), (executor) => executor.close({ deadline: 0 })))
    const inTime = await this.#leave(left(deadline, this.clock.elapsed()) + lastWord)
    this.#receiving?.[Symbol.dispose]()
    if (!inTime) log.warn({ worker: id }, 'the broker did not answer in time: what was held goes to others when the lease runs out')
    if (owned) {
      const closed = new AbortController()
      await Promise.race([backend.close(), this.clock.sleep(lastWord, closed.signal)]).finally(() => closed.abort())
    }
    log.info({ worker: id }, 'worker stopped')
    this.#ended.resolve()
  }

  /** Settles what has ended and gives up the lease. False where the broker took longer than `ms` for that. */
  async #leave(ms: number): Promise<boolean> {
    const { backend, id, log } = this.#parts
    const late = Promise.withResolvers<false>()
    using _timer = this.clock.after(ms, () => late.resolve(false))
    const left = async (): Promise<true> => {
      // A large result may still be on its way to the payload store.
      if (this.#attempts.size > 0) await this.#nothingHeld.wait()
      await this.#feed.settled()
      await this.#desk?.settled()
      this.#stopUpkeep.abort()
      await this.#upkeep
      await backend.leave(id)
      return true
    }
    try {
      return await Promise.race([left(), late.promise])
    } catch (error) {
      log.error({ err: error, worker: id }, 'the worker could not sign off')
      return false
    } finally {
      this.#feed.abandon()
      this.#stopUpkeep.abort()
    }
  }

  protected override onHurry(deadline: Deadline): void {
    this.#drain.by(deadline)
  }

  #named(): Named {
    const { askedAt, unsettled } = this.#feed
    return { attempts: [...this.#attempts, ...unsettled], unanswered: askedAt === undefined ? 0 : this.clock.elapsed() - askedAt }
  }

  /** What it says of itself: only the places count where its tasks run. */
  #info(): WorkerInfo {
    const { executors, tasks, queues, keeping } = this.#parts
    const used = new Set(Array.from(tasks.values(), ({ runs }) => runs))
    const capacity = [...used].reduce((sum, place) => sum + (executors.get(place)?.concurrency ?? 0), 0)
    return { capacity, queues, ...(this.#control ? { control: true } : {}), ...((keeping?.bytes ?? Infinity) < Infinity ? { weighs: true } : {}) }
  }
}
