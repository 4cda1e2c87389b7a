import { resolve } from 'node:path'
import type { Worker } from 'node:worker_threads'
import type { Gate, GateChange, GateName } from '../../jobs/gates.ts'
import type { KeptStory } from '../../jobs/history.ts'
import type { Job, NewJob } from '../../jobs/job.ts'
import { linkEnds } from '../../concurrency/threads/port-link.ts'
import { milliseconds } from '../../kernel/duration.ts'
import { BackendError, ClosedError } from '../../kernel/errors.ts'
import { checkOptions } from '../../kernel/options.ts'
import { type Logger, harmless, silentLogger } from '../../kernel/logger.ts'
import type { Backend } from '../backend.ts'
import type { AttemptRef, BrokerCapabilities, BrokerStats, Enlisted, Report, Reservation, ReserveRequest, Settled, Settlement, Sweep, Taken, WorkerInfo } from '../broker.ts'
import type { Hearer, Hearing } from '../bus.ts'
import type { DueSchedules, ScheduleChange, ScheduleFilter, ScheduleList } from '../schedules.ts'
import type { SharedReply, SharedRequest } from '../shared-store.ts'
import type { Change, ChangeOutcome, Ending, JobFilter, PurgeFilter, Purged, Watch, Weighed } from '../store.ts'
import { startThread } from '../../tasks/own-thread.ts'
import { sqliteEntry } from './entry.ts'
import { enlist } from './enlisted.ts'
import { batchOf } from './job-batch.ts'
import { type Method, type Reply, type Request, type ThreadData, TickLine, add, attend, call, dispose, done, ended, failed, hear, heard, listen, log, missed, opening, remove, taken, wake, watch } from './messages.ts'
import { type Durability, identityOf } from './file.ts'
import { OwnInbox } from './own-inbox.ts'
import type { SqliteOptions } from './sqlite-backend.ts'
import { fromPortable } from '../../wire/portable-error.ts'

/**
 * A SQLite file as a backend, in a thread of its own: for a client, whose loop must not stall however slow or locked the file is.
 *
 * The program may end while it is open; what is asked, or watched, keeps it alive until it is answered.
 * Its clock is the machine's.
 *
 * @throws BackendError where it cannot be opened, is no database, or is of a newer Treadle; InvalidOptionError
 */
export async function threadedSqlite(path: string, options: Omit<SqliteOptions, 'clock'> = {}): Promise<Backend> {
  const { log = silentLogger, durability = 'process', busyTimeout = '30s' } = checkOptions('sqlite()', options, { log: true, durability: true, busyTimeout: true })
  const file = path === '' || path === ':memory:' ? path : resolve(path)
  const backend = new ThreadedSqlite(file, durability, milliseconds(busyTimeout, 'busyTimeout'), log)
  await backend.opened()
  return backend
}

interface OpenWatch {
  readonly jobs: Set<string>
  readonly ended: (endings: readonly Ending[]) => void
  readonly failed: (error: unknown) => void
}

class ThreadedSqlite implements Backend {
  readonly capabilities: BrokerCapabilities = { settleIsCommit: true, durable: true }
  readonly #path: string
  readonly #durability: Durability
  readonly #log: Logger
  readonly #worker: Worker
  readonly #line: TickLine<Request, Reply>
  readonly #opened = Promise.withResolvers<unknown>()
  /** Calls that are not answered yet: while there are any, the program stays alive. */
  readonly #calls = new Map<number, PromiseWithResolvers<unknown>>([[opening, this.#opened]])
  readonly #listeners = new Map<number, () => void>()
  readonly #watches = new Map<number, OpenWatch>()
  readonly #hearers = new Map<number, Hearer>()
  /** Where nobody has to wait for the disk. */
  #inbox: OwnInbox | undefined
  #lastId = opening
  /** The thread is held: a new one is. */
  #awaited = true
  #lost: Error | undefined
  #closed: Promise<void> | undefined

  constructor(path: string, durability: Durability, busyTimeout: number, logger: Logger) {
    this.#path = path
    this.#durability = durability
    this.#log = harmless(logger)
    const [own, line] = linkEnds()
    const data: ThreadData = { entry: 'sqlite', path, durability, busyTimeout, line }
    // No flags of the program's: the entry needs none, and some, such as --input-type, would stop it.
    this.#worker = startThread(sqliteEntry, { workerData: data, transferList: [line.port], execArgv: [], name: 'treadle sqlite' })
    this.#line = new TickLine(own, true)
    this.#line.link.listen({
      heard: (reply) => this.#hear(reply),
      caughtUp: () => this.#stayOrGo(),
      // That it ended is told of apart.
      closed: (why) => {
        if (why === undefined) return
        this.#lose(why)
        void this.#worker.terminate()
      }
    })
    this.#worker.on('error', (error) => this.#lose(error))
    this.#worker.on('exit', (code) => this.#lose(new Error(`it ended with code ${code}`)))
  }

  async opened(): Promise<void> {
    try {
      await this.#opened.promise
      if (this.#durability === 'process') this.#inbox = new OwnInbox(this.#path, identityOf(this.#path))
    } catch (error) {
      await this.#worker.terminate()
      throw error
    }
  }

  publish(jobs: readonly NewJob[]): Promise<readonly Taken[]> {
    const [job] = jobs
    // What was asked before comes before.
    const kept = job && jobs.length === 1 && this.#calls.size === 0 ? this.#inbox?.publish(job) : undefined
    return kept ?? this.#call('publish', batchOf(jobs) ?? jobs)
  }

  inside(connection: unknown): Enlisted {
    this.#checkOpen()
    return enlist(this.#path, connection)
  }

  reserve(request: ReserveRequest): Promise<Reservation> {
    return this.#call('reserve', request)
  }

  settle(settlements: readonly Settlement[], next?: ReserveRequest): Promise<Settled> {
    return this.#call('settle', settlements, next)
  }

  extend(worker: string, held: readonly AttemptRef[], lease: number, info?: WorkerInfo, unanswered = 0): Promise<readonly AttemptRef[]> {
    return this.#call('extend', worker, held, lease, info, unanswered)
  }

  sweep(patience: number): Promise<Sweep> {
    return this.#call('sweep', patience)
  }

  gate(changes: readonly (GateName & GateChange)[]): Promise<void> {
    return this.#call('gate', changes)
  }

  gates(): Promise<readonly Gate[]> {
    return this.#call('gates')
  }

  leave(worker: string): Promise<void> {
    return this.#call('leave', worker)
  }

  announce(worker: string): Promise<void> {
    return this.#call('announce', worker)
  }

  report(reports: readonly Report[]): Promise<void> {
    return this.#call('report', reports)
  }

  story(job: string): Promise<KeptStory | undefined> {
    return this.#call('story', job)
  }

  schedules(filter: ScheduleFilter): Promise<ScheduleList> {
    return this.#call('schedules', filter)
  }

  dueSchedules(limit: number): Promise<DueSchedules> {
    return this.#call('dueSchedules', limit)
  }

  changeSchedules(changes: readonly ScheduleChange[]): Promise<readonly boolean[]> {
    return this.#call('changeSchedules', changes)
  }

  stats(): Promise<BrokerStats> {
    return this.#call('stats')
  }

  purge(filter: PurgeFilter): Promise<Purged> {
    return this.#call('purge', filter)
  }

  weigh(from?: string): Promise<Weighed> {
    return this.#call('weigh', from)
  }

  commit(changes: readonly Change[]): Promise<readonly ChangeOutcome[]> {
    return this.#call('commit', changes)
  }

  read(jobs: readonly string[]): Promise<readonly (Job | undefined)[]> {
    return this.#call('read', jobs)
  }

  list(filter: JobFilter): Promise<readonly Job[]> {
    return this.#call('list', filter)
  }

  share(request: SharedRequest): Promise<SharedReply> {
    return this.#call('share', request)
  }

  listen(queues: readonly string[], wake: () => void): Disposable {
    return this.#listener((id) => [listen, id, queues], wake)
  }

  attend(session: string, wake: () => void): Disposable {
    return this.#listener((id) => [attend, id, session], wake)
  }

  watch(ended: (endings: readonly Ending[]) => void, failed: (error: unknown) => void): Watch {
    this.#checkOpen()
    const id = ++this.#lastId
    const open: OpenWatch = { jobs: new Set(), ended, failed }
    this.#watches.set(id, open)
    this.#line.post([watch, id])
    return {
      add: (job) => {
        if (this.#lost) return failed(this.#lost)
        this.#line.post([add, id, job])
        open.jobs.add(job)
        this.#stayOrGo()
      },
      delete: (job) => {
        if (open.jobs.delete(job)) this.#line.post([remove, id, job])
        this.#stayOrGo()
      },
      [Symbol.dispose]: () => {
        if (this.#watches.delete(id)) this.#line.post([dispose, id])
        this.#stayOrGo()
      }
    }
  }

  post(topic: string, message: string): Promise<void> {
    return this.#call('post', topic, message)
  }

  hear(topic: string, hearer: Hearer): Hearing {
    this.#checkOpen()
    const id = ++this.#lastId
    const ready = Promise.withResolvers<unknown>()
    ready.promise.catch(() => {})
    this.#calls.set(id, ready)
    this.#hearers.set(id, hearer)
    this.#line.post([hear, id, topic])
    this.#stayOrGo()
    return {
      ready: ready.promise as Promise<void>,
      [Symbol.dispose]: () => {
        if (this.#hearers.delete(id)) this.#line.post([dispose, id])
        this.#stayOrGo()
      }
    }
  }

  close(): Promise<void> {
    return this.#closed ??= this.#shut()
  }

  async #shut(): Promise<void> {
    this.#inbox?.close()
    this.#inbox = undefined
    this.#listeners.clear()
    this.#watches.clear()
    const hearers = [...this.#hearers.values()]
    this.#hearers.clear()
    for (const hearer of hearers) hearer.failed(new ClosedError(this.#path))
    if (!this.#lost) await this.#ask('close').catch(() => {})
    await this.#worker.terminate()
  }

  #listener(request: (id: number) => Request, wake: () => void): Disposable {
    this.#checkOpen()
    const id = ++this.#lastId
    this.#line.post(request(id))
    this.#listeners.set(id, wake)
    return {
      [Symbol.dispose]: () => {
        if (this.#listeners.delete(id)) this.#line.post([dispose, id])
      }
    }
  }

  #call<T>(method: Method, ...args: readonly unknown[]): Promise<T> {
    if (this.#closed) return Promise.reject(new ClosedError(this.#path))
    if (this.#lost) return Promise.reject(this.#lost)
    return this.#ask(method, ...args)
  }

  #ask<T>(method: Method, ...args: readonly unknown[]): Promise<T> {
    const id = ++this.#lastId
    const asked = Promise.withResolvers<unknown>()
    this.#calls.set(id, asked)
    try {
      this.#line.post([call, id, method, args])
    } catch (cause) {
      this.#calls.delete(id)
      return Promise.reject(new BackendError(`What ${this.#path} was given is not plain data.`, { cause }))
    }
    this.#stayOrGo()
    return asked.promise as Promise<T>
  }

  /** What a listener throws is the program's affair, and no fault of the line. */
  #hear(reply: Reply): void {
    try {
      this.#receive(reply)
    } catch (error) {
      queueMicrotask(() => { throw error })
    }
  }

  #receive(reply: Reply): void {
    switch (reply[0]) {
      case done:
        this.#calls.get(reply[1])?.resolve(reply[2])
        this.#calls.delete(reply[1])
        return
      case failed: {
        const error = fromPortable(reply[2])
        this.#calls.get(reply[1])?.reject(error)
        this.#calls.delete(reply[1])
        this.#watches.get(reply[1])?.failed(error)
        this.#hearers.get(reply[1])?.failed(error)
        return
      }
      case wake:
        this.#listeners.get(reply[1])?.()
        return
      case heard:
        void this.#take(reply[1], reply[2])
        return
      case missed:
        this.#hearers.get(reply[1])?.missed()
        return
      case ended: {
        const open = this.#watches.get(reply[1])
        const endings = reply[2].filter(({ job }) => open?.jobs.delete(job))
        if (endings.length > 0) open?.ended(endings)
        return
      }
      case log:
        this.#log[reply[1]](reply[2], reply[3])
    }
  }

  async #take(id: number, message: string): Promise<void> {
    await this.#hearers.get(id)?.heard(message)
    if (this.#hearers.has(id) && !this.#lost) this.#line.post([taken, id])
  }

  /** The thread keeps the program alive exactly while somebody waits for it. */
  #stayOrGo(): void {
    const awaited = this.#calls.size > 0 || this.#hearers.size > 0 || this.#watches.values().some((watch) => watch.jobs.size > 0)
    if (awaited === this.#awaited) return
    this.#awaited = awaited
    this.#line.link.hold(awaited)
    if (awaited) this.#worker.ref()
    else this.#worker.unref()
  }

  #lose(cause: unknown): void {
    if (this.#lost) return
    this.#inbox?.close()
    this.#inbox = undefined
    this.#line.link.catchUp()
    this.#line.link.close()
    this.#lost = new BackendError(this.#calls.has(opening)
      ? `The thread in which ${this.#path} was to be opened ended: ${cause instanceof Error ? cause.message : String(cause)}. If the program is one bundled file, put what only the program itself may do behind a guard: if (import.meta.main) { … }.`
      : `The thread in which ${this.#path} was open ended. Connect again; what was not acknowledged may or may not have been kept.`, { cause })
    for (const call of this.#calls.values()) call.reject(this.#lost)
    this.#calls.clear()
    for (const watch of this.#watches.values()) if (watch.jobs.size > 0) watch.failed(this.#lost)
    for (const hearer of this.#hearers.values()) hearer.failed(this.#lost)
  }

  #checkOpen(): void {
    if (this.#closed) throw new ClosedError(this.#path)
    if (this.#lost) throw this.#lost
  }
}
