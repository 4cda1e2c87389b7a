import { resolve } from 'node:path'
import type { Gate, GateChange, GateName } from '../../jobs/gates.ts'
import type { KeptStory } from '../../jobs/history.ts'
import type { Job, NewJob } from '../../jobs/job.ts'
import { type Clock, systemClock } from '../../kernel/clock.ts'
import { type Duration, milliseconds } from '../../kernel/duration.ts'
import { ClosedError } from '../../kernel/errors.ts'
import { checkOptions } from '../../kernel/options.ts'
import { type Logger, silentLogger } from '../../kernel/logger.ts'
import type { Backend } from '../backend.ts'
import type { AttemptRef, BrokerCapabilities, BrokerStats, Enlisted, Report, Reservation, ReserveRequest, Settled, Settlement, Sweep, Taken, WorkerInfo } from '../broker.ts'
import type { Hearer, Hearing } from '../bus.ts'
import { Listeners } from '../listeners.ts'
import type { DueSchedules, ScheduleChange, ScheduleFilter, ScheduleList } from '../schedules.ts'
import type { SharedReply, SharedRequest } from '../shared-store.ts'
import type { Change, ChangeOutcome, Ending, JobFilter, PurgeFilter, Purged, Watch, Weighed } from '../store.ts'
import { ChangeWatch } from './change-watch.ts'
import { EndingWatch } from './ending-watch.ts'
import { SqliteEngine } from './engine.ts'
import { backendError } from './errors.ts'
import type { Durability } from './file.ts'
import { enlist } from './enlisted.ts'
import { Hearings } from './hearings.ts'
import type { JobBatch } from './job-batch.ts'
import type { Committed } from './job-tables.ts'
import { LockQueue } from './lock-queue.ts'
import { SessionWatch } from './session-watch.ts'

export interface SqliteOptions {
  /** What a job survives once it is acknowledged: see `Durability`. Default: `'process'`. */
  durability?: Durability
  /** How long a call waits while another process holds the file's lock. Default: `'30s'`. */
  busyTimeout?: Duration
  clock?: Clock
  log?: Logger
}

/**
 * A SQLite file as a backend, in this thread: for a worker, whose main thread does nothing else. It is made where it does not exist.
 *
 * @throws BackendError where it cannot be opened, is no database, or is of a newer Treadle; InvalidOptionError
 */
export async function sqlite(path: string, options: SqliteOptions = {}): Promise<Backend> {
  const { clock = systemClock, log = silentLogger, durability = 'process', busyTimeout = '30s' } = checkOptions('sqlite()', options, { clock: true, log: true, durability: true, busyTimeout: true })
  // Absolute, so that it stays the same file where the program changes its folder.
  const file = path === '' || path === ':memory:' ? path : resolve(path)
  const lock = new LockQueue(file, clock, milliseconds(busyTimeout, 'busyTimeout'))
  try {
    return await lock.run(() => new SqliteBackend(file, lock, clock, log, durability))
  } catch (error) {
    throw backendError(error, file)
  }
}

class SqliteBackend implements Backend {
  readonly capabilities: BrokerCapabilities = { settleIsCommit: true, durable: true }
  readonly #path: string
  readonly #lock: LockQueue
  readonly #clock: Clock
  readonly #engine: SqliteEngine
  readonly #changes: ChangeWatch
  readonly #listeners = new Listeners()
  readonly #watches = new Set<EndingWatch>()
  readonly #hearings: Hearings
  readonly #sessions: SessionWatch
  /** The news of each queue that listeners have been told. */
  readonly #told = new Map<string, number>()
  #closed: Promise<void> | undefined

  constructor(path: string, lock: LockQueue, clock: Clock, log: Logger, durability: Durability) {
    this.#path = path
    this.#lock = lock
    this.#clock = clock
    this.#engine = new SqliteEngine(path, durability, clock === systemClock ? undefined : clock, (what) => this.#committed(what))
    this.#hearings = new Hearings({ path, clock, engine: this.#engine, ask: (attempt) => this.#lock.run(attempt), changed: () => this.#attend() })
    this.#sessions = new SessionWatch((session) => this.#engine.sharedNews(session))
    this.#changes = new ChangeWatch({
      path, clock, log,
      version: () => this.#engine.dataVersion(),
      changed: () => this.#othersCommitted()
    })
  }

  /** @param jobs as the port has them, or as the thread's host sends them */
  publish(jobs: readonly NewJob[] | JobBatch): Promise<readonly Taken[]> {
    return this.#ask(() => this.#engine.publish(jobs))
  }

  inside(connection: unknown): Enlisted {
    return enlist(this.#path, connection)
  }

  reserve(request: ReserveRequest): Promise<Reservation> {
    return this.#ask(() => this.#engine.reserve(request))
  }

  settle(settlements: readonly Settlement[], next?: ReserveRequest): Promise<Settled> {
    return this.#ask(() => this.#engine.settle(settlements, next))
  }

  extend(worker: string, held: readonly AttemptRef[], lease: number, info?: WorkerInfo, unanswered = 0): Promise<readonly AttemptRef[]> {
    return this.#ask(() => this.#engine.extend(worker, held, lease, info, unanswered))
  }

  sweep(patience: number): Promise<Sweep> {
    return this.#ask((waited) => this.#engine.sweep(waited > patience))
  }

  gate(changes: readonly (GateName & GateChange)[]): Promise<void> {
    return this.#ask(() => this.#engine.gate(changes))
  }

  gates(): Promise<readonly Gate[]> {
    return this.#ask(() => this.#engine.gates())
  }

  leave(worker: string): Promise<void> {
    return this.#ask(() => this.#engine.leave(worker))
  }

  purge(filter: PurgeFilter): Promise<Purged> {
    return this.#ask(() => this.#engine.purge(filter))
  }

  weigh(from?: string): Promise<Weighed> {
    return this.#ask(() => this.#engine.weigh(from))
  }

  commit(changes: readonly Change[]): Promise<readonly ChangeOutcome[]> {
    return this.#ask(() => this.#engine.commit(changes))
  }

  read(jobs: readonly string[]): Promise<readonly (Job | undefined)[]> {
    return this.#ask(() => this.#engine.read(jobs))
  }

  list(filter: JobFilter): Promise<readonly Job[]> {
    return this.#ask(() => this.#engine.list(filter))
  }

  announce(worker: string): Promise<void> {
    return this.#ask(() => this.#engine.announce(worker))
  }

  report(reports: readonly Report[]): Promise<void> {
    return this.#ask(() => this.#engine.report(reports))
  }

  story(job: string): Promise<KeptStory | undefined> {
    return this.#ask(() => this.#engine.story(job))
  }

  schedules(filter: ScheduleFilter): Promise<ScheduleList> {
    return this.#ask(() => this.#engine.schedules(filter))
  }

  dueSchedules(limit: number): Promise<DueSchedules> {
    return this.#ask(() => this.#engine.dueSchedules(limit))
  }

  changeSchedules(changes: readonly ScheduleChange[]): Promise<readonly boolean[]> {
    return this.#ask(() => this.#engine.changeSchedules(changes))
  }

  stats(): Promise<BrokerStats> {
    return this.#ask(() => this.#engine.stats())
  }

  listen(queues: readonly string[], wake: () => void): Disposable {
    this.#checkOpen()
    const listening = this.#listeners.listen(queues, wake)
    this.#attend()
    return {
      [Symbol.dispose]: () => {
        listening[Symbol.dispose]()
        this.#attend()
      }
    }
  }

  watch(ended: (endings: readonly Ending[]) => void, failed: (error: unknown) => void): Watch {
    this.#checkOpen()
    const watch = new EndingWatch({
      engine: this.#engine,
      clock: this.#clock,
      ended,
      failed: (error) => failed(backendError(error, this.#path)),
      changed: () => {
        if (watch.size > 0) this.#watches.add(watch)
        else this.#watches.delete(watch)
        this.#attend()
      }
    })
    return watch
  }

  post(topic: string, message: string): Promise<void> {
    return this.#ask(() => this.#engine.post(topic, message))
  }

  hear(topic: string, hearer: Hearer): Hearing {
    this.#checkOpen()
    return this.#hearings.hear(topic, hearer)
  }

  async share(request: SharedRequest): Promise<SharedReply> {
    const { reply, told } = await this.#ask(() => this.#engine.share(request))
    this.#sessions.tell(told)
    return reply
  }

  attend(session: string, wake: () => void): Disposable {
    this.#checkOpen()
    const attending = this.#sessions.attend(session, wake)
    this.#attend()
    return {
      [Symbol.dispose]: () => {
        attending[Symbol.dispose]()
        this.#attend()
      }
    }
  }

  /** What was asked before is still done. */
  close(): Promise<void> {
    return this.#closed ??= this.#shut()
  }

  async #shut(): Promise<void> {
    this.#listeners.clear()
    this.#sessions.clear()
    for (const watch of this.#watches) watch[Symbol.dispose]()
    this.#hearings.close()
    this.#changes.stop()
    await this.#lock.idle()
    this.#engine.close()
  }

  async #ask<T>(attempt: (waited: number) => T): Promise<T> {
    this.#checkOpen()
    try {
      return await this.#lock.run(attempt)
    } catch (error) {
      throw backendError(error, this.#path)
    }
  }

  #checkOpen(): void {
    if (this.#closed) throw new ClosedError(this.#path)
  }

  /** Notices what others commit exactly while somebody here would hear of it. */
  #attend(): void {
    const hears = this.#listeners.size + this.#sessions.size + this.#watches.size + this.#hearings.size > 0
    if (this.#closed || !hears) return this.#changes.stop()
    if (this.#changes.start()) this.#freshNews()
  }

  #committed({ queues, ended, posted }: Committed): void {
    // This transaction raised each by one. What others raised meanwhile and nobody told stays untold.
    for (const queue of queues) this.#told.set(queue, (this.#told.get(queue) ?? 0) + 1)
    this.#listeners.tell(queues)
    if (ended) this.#look()
    if (posted) this.#hearings.look()
  }

  #othersCommitted(): void {
    this.#listeners.tell(this.#freshNews())
    this.#sessions.look()
    this.#look()
    this.#hearings.look()
  }

  #freshNews(): string[] {
    const fresh: string[] = []
    for (const [queue, news] of this.#engine.news()) {
      if (this.#told.get(queue) !== news) fresh.push(queue)
      this.#told.set(queue, news)
    }
    return fresh
  }

  #look(): void {
    for (const watch of this.#watches) watch.look()
  }
}
