import { resolve } from 'node:path'
import type { Worker } from 'node:worker_threads'
import type { JobStory } from '../../jobs/history.ts'
import type { Job, NewJob } from '../../jobs/job.ts'
import { Wakefulness } from '../../concurrency/wakefulness.ts'
import { systemClock } from '../../kernel/clock.ts'
import { milliseconds } from '../../kernel/duration.ts'
import { BackendError, ClosedError } from '../../kernel/errors.ts'
import { type Logger, silentLogger } from '../../kernel/logger.ts'
import type { Backend } from '../backend.ts'
import type { AttemptRef, BrokerCapabilities, BrokerStats, Report, Reservation, ReserveRequest, Settled, Settlement, Sweep } from '../broker.ts'
import type { Change, ChangeOutcome, Ending, JobFilter, PurgeFilter, Purged, Watch } from '../store.ts'
import { startThread } from '../../tasks/own-thread.ts'
import { sqliteEntry } from './entry.ts'
import { batchOf } from './job-batch.ts'
import { type Method, Outbox, type Reply, type Request, type ThreadData, expectation, opening } from './messages.ts'
import type { SqliteOptions } from './sqlite-backend.ts'
import { fromPortable } from '../../wire/portable-error.ts'

/**
 * A SQLite file as a backend, in a thread of its own: for a client, whose loop must not stall however slow or locked the file is.
 *
 * The program may end while it is open; what is asked, or watched, keeps it alive until it is answered.
 * Its clock is the machine's.
 *
 * @throws BackendError where it cannot be opened, is no database, or is of a newer Treadle
 */
export async function threadedSqlite(path: string, options: Omit<SqliteOptions, 'clock'> = {}): Promise<Backend> {
  const { log = silentLogger, durability = 'process', busyTimeout = '30s' } = options
  const file = path === '' || path === ':memory:' ? path : resolve(path)
  const backend = new ThreadedSqlite({ entry: 'sqlite', path: file, durability, busyTimeout: milliseconds(busyTimeout, 'busyTimeout') }, log)
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
  readonly #log: Logger
  readonly #worker: Worker
  readonly #outbox: Outbox<Request>
  readonly #opened = Promise.withResolvers<unknown>()
  /** Calls that are not answered yet: while there are any, the program stays alive. */
  readonly #calls = new Map<number, PromiseWithResolvers<unknown>>([[opening, this.#opened]])
  readonly #listeners = new Map<number, () => void>()
  readonly #watches = new Map<number, OpenWatch>()
  readonly #awake = new Wakefulness(systemClock, expectation)
  #lastId = opening
  /** The thread is held: a new one is. */
  #awaited = true
  #lost: Error | undefined
  #closed: Promise<void> | undefined

  constructor(data: ThreadData, log: Logger) {
    this.#path = data.path
    this.#log = log
    // No flags of the program's: the entry needs none, and some, such as --input-type, would stop it.
    this.#worker = startThread(sqliteEntry, { workerData: data, execArgv: [], name: 'treadle sqlite' })
    this.#outbox = new Outbox(
      (requests) => this.#worker.postMessage(requests, []),
      ({ id }, cause) => {
        this.#calls.get(id)?.reject(new BackendError(`What ${this.#path} was given is not plain data.`, { cause }))
        this.#calls.delete(id)
      }
    )
    this.#worker.on('message', (replies: readonly Reply[]) => {
      for (const reply of replies) this.#receive(reply)
      this.#stayOrGo()
    })
    this.#worker.on('error', (error) => this.#lose(error))
    this.#worker.on('exit', (code) => this.#lose(new Error(`it ended with code ${code}`)))
  }

  async opened(): Promise<void> {
    try {
      await this.#opened.promise
    } catch (error) {
      await this.#worker.terminate()
      throw error
    }
  }

  publish(jobs: readonly NewJob[]): Promise<void> {
    return this.#call('publish', batchOf(jobs) ?? jobs)
  }

  reserve(request: ReserveRequest): Promise<Reservation> {
    return this.#call('reserve', request)
  }

  settle(settlements: readonly Settlement[], next?: ReserveRequest): Promise<Settled> {
    return this.#call('settle', settlements, next)
  }

  extend(worker: string, held: readonly AttemptRef[], lease: number): Promise<readonly AttemptRef[]> {
    return this.#call('extend', worker, held, lease)
  }

  sweep(patience: number): Promise<Sweep> {
    return this.#call('sweep', patience)
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

  story(job: string): Promise<JobStory | undefined> {
    return this.#call('story', job)
  }

  stats(): Promise<BrokerStats> {
    return this.#call('stats')
  }

  purge(filter: PurgeFilter): Promise<Purged> {
    return this.#call('purge', filter)
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

  listen(queues: readonly string[], wake: () => void): Disposable {
    this.#checkOpen()
    const id = ++this.#lastId
    this.#listeners.set(id, wake)
    this.#outbox.post({ kind: 'listen', id, queues })
    return {
      [Symbol.dispose]: () => {
        if (this.#listeners.delete(id)) this.#outbox.post({ kind: 'dispose', id })
      }
    }
  }

  watch(ended: (endings: readonly Ending[]) => void, failed: (error: unknown) => void): Watch {
    this.#checkOpen()
    const id = ++this.#lastId
    const watch: OpenWatch = { jobs: new Set(), ended, failed }
    this.#watches.set(id, watch)
    this.#outbox.post({ kind: 'watch', id })
    return {
      add: (job) => {
        if (this.#lost) return failed(this.#lost)
        watch.jobs.add(job)
        this.#outbox.post({ kind: 'add', id, job })
        this.#stayOrGo()
      },
      delete: (job) => {
        if (watch.jobs.delete(job)) this.#outbox.post({ kind: 'delete', id, job })
        this.#stayOrGo()
      },
      [Symbol.dispose]: () => {
        if (this.#watches.delete(id)) this.#outbox.post({ kind: 'dispose', id })
        this.#stayOrGo()
      }
    }
  }

  close(): Promise<void> {
    return this.#closed ??= this.#shut()
  }

  async #shut(): Promise<void> {
    this.#listeners.clear()
    this.#watches.clear()
    if (!this.#lost) await this.#ask('close').catch(() => {})
    await this.#worker.terminate()
  }

  #call<T>(method: Method, ...args: readonly unknown[]): Promise<T> {
    if (this.#closed) return Promise.reject(new ClosedError(this.#path))
    if (this.#lost) return Promise.reject(this.#lost)
    return this.#ask(method, ...args)
  }

  #ask<T>(method: Method, ...args: readonly unknown[]): Promise<T> {
    const id = ++this.#lastId
    const call = Promise.withResolvers<unknown>()
    this.#calls.set(id, call)
    this.#outbox.post({ kind: 'call', id, method, args })
    this.#awake.stay()
    this.#stayOrGo()
    return call.promise as Promise<T>
  }

  #receive(reply: Reply): void {
    switch (reply.kind) {
      case 'done':
        this.#calls.get(reply.id)?.resolve(reply.value)
        this.#calls.delete(reply.id)
        return
      case 'failed': {
        const error = fromPortable(reply.error)
        this.#calls.get(reply.id)?.reject(error)
        this.#calls.delete(reply.id)
        this.#watches.get(reply.id)?.failed(error)
        return
      }
      case 'wake':
        this.#listeners.get(reply.id)?.()
        return
      case 'ended': {
        const watch = this.#watches.get(reply.id)
        const endings = reply.endings.filter(({ job }) => watch?.jobs.delete(job))
        if (endings.length > 0) watch?.ended(endings)
        return
      }
      case 'log':
        this.#log[reply.level](reply.fields, reply.message)
    }
  }

  /** The thread keeps the program alive exactly while somebody waits for it. */
  #stayOrGo(): void {
    const awaited = this.#calls.size > 0 || this.#watches.values().some((watch) => watch.jobs.size > 0)
    if (awaited === this.#awaited) return
    this.#awaited = awaited
    if (awaited) this.#worker.ref()
    else this.#worker.unref()
  }

  #lose(cause: unknown): void {
    if (this.#lost) return
    this.#lost = new BackendError(this.#calls.has(opening)
      ? `The thread in which ${this.#path} was to be opened ended: ${cause instanceof Error ? cause.message : String(cause)}. If the program is one bundled file, put what only the program itself may do behind a guard: if (import.meta.main) { … }.`
      : `The thread in which ${this.#path} was open ended. Connect again; what was not acknowledged may or may not have been kept.`, { cause })
    for (const call of this.#calls.values()) call.reject(this.#lost)
    this.#calls.clear()
    for (const watch of this.#watches.values()) if (watch.jobs.size > 0) watch.failed(this.#lost)
  }

  #checkOpen(): void {
    if (this.#closed) throw new ClosedError(this.#path)
    if (this.#lost) throw this.#lost
  }
}
