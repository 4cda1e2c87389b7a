import type { Backend } from '../backends/backend.ts'
import type { BrokerStats, Taken } from '../backends/broker.ts'
import { redeem } from '../backends/payloads/claims.ts'
import { argsName, resultName } from '../backends/payloads/payload-names.ts'
import type { PayloadStore } from '../backends/payloads/payload-store.ts'
import { currentScope } from '../concurrency/cancel-scope.ts'
import type { Ending, JobFilter } from '../backends/store.ts'
import type { Gate } from '../jobs/gates.ts'
import type { KeptStory } from '../jobs/history.ts'
import type { Job, NewJob } from '../jobs/job.ts'
import { type Schedule, callOf } from '../jobs/schedule.ts'
import { type JobState, isFinal } from '../jobs/states.ts'
import type { Clock } from '../kernel/clock.ts'
import { type Deadline, left } from '../kernel/deadline.ts'
import { milliseconds } from '../kernel/duration.ts'
import { ClosedError, InvalidOptionError, PayloadTooLargeError, ResultTimeoutError, UnknownJobError } from '../kernel/errors.ts'
import { idMaker } from '../kernel/id.ts'
import { checkOptions, checkSignal } from '../kernel/options.ts'
import { Service } from '../kernel/service.ts'
import { checkedArgs } from '../tasks/checked-args.ts'
import { type Middleware, keepInside } from '../tasks/middleware.ts'
import type { TaskRegistry } from '../tasks/registry.ts'
import type { CallOptions, Task, TaskDefinition } from '../tasks/task.ts'
import { isReference } from '../wire/claim-check.ts'
import { decode, encode } from '../wire/codec.ts'
import { leadOf, openEnvelope } from '../wire/envelope.ts'
import { ArgsDepot, type Keeper } from './args-depot.ts'
import { Enqueuer } from './enqueuer.ts'
import { type CancelOutcome, JobHandle, type JobRecord, type ResultOptions, type RetryChanges, type ToldStory } from './job-handle.ts'
import { type CancelFilter, type ListFilter, type PurgeOptions, type RetryFilter, cancelFilter, listFilter, purgeFilter, retryFilter } from './job-filters.ts'
import { type Limited, type Limits, gateName, gateRule, pausable } from './limits.ts'
import { type EnqueuedTask, JobMaker } from './job-maker.ts'
import { ResultWaiter } from './result-waiter.ts'
import type { checkRoutes } from './routes.ts'
import { Transaction } from './transaction.ts'
import { ScheduleBook } from './schedule-book.ts'
import type { ScheduleOptions, ScheduleRecord } from './schedule-options.ts'

export interface ClientParts {
  readonly backend: Backend
  /** Whether closing the client closes the backend. */
  readonly owned: boolean
  readonly registry: TaskRegistry
  readonly routes: ReturnType<typeof checkRoutes>
  readonly middleware: readonly Middleware[]
  readonly payloadLimit: number
  readonly payloads: PayloadStore | undefined
  readonly clock: Clock
}

/** So many jobs are listed, retried or removed in one transaction: a worker is never kept waiting long. */
const pageSize = 500

const resultOptions = { timeout: true, signal: true } as const

/** What `connect` gives: enqueues calls, hears of their results, cancels them. */
export class Client extends Service {
  readonly #parts: ClientParts
  readonly #maker: JobMaker
  readonly #enqueuer: Keeper
  readonly #results: ResultWaiter
  readonly #schedules: ScheduleBook

  constructor(parts: ClientParts) {
    super(parts.clock)
    this.#parts = parts
    const { backend, registry, routes, payloads, payloadLimit } = parts
    const nextId = idMaker(parts.clock)
    this.#maker = new JobMaker({ registry, routes, nextId, payloadLimit, hasPayloads: payloads !== undefined })
    const enqueuer = new Enqueuer(backend)
    this.#enqueuer = payloads ? new ArgsDepot(enqueuer, backend, payloads, payloadLimit) : enqueuer
    this.#results = new ResultWaiter(parts.backend, parts.clock)
    this.#schedules = new ScheduleBook(parts.backend, nextId)
  }

  /**
   * Keeps a call as a job. Resolves when the backend has kept it: from then on it survives the end of every process.
   * Calls of the same tick share one commit.
   *
   * @throws InvalidArgumentsError, PayloadTooLargeError, UncloneableError, NotATaskError, TaskIsClosureError, DuplicateTaskError, ClosedError; what middleware
   *   throws, or JobNotKeptError
   *
   * @example
   * const job = await queue.enqueue(area.with({ delay: '5m' }), 2, 3)
   */
  async enqueue<Args extends unknown[], Result, Own extends unknown[]>(task: Task<Args, Result, Own>, ...args: NoInfer<Args>): Promise<JobHandle<Awaited<Result>>> {
    const [job] = await this.#keep(this.#maker.known(task, 'enqueue'), [args])
    return job as JobHandle<Awaited<Result>>
  }

  /**
   * Keeps many calls of one task in one commit: all of them, or none.
   *
   * @param calls the arguments of each call
   * @throws as `enqueue`
   *
   * @example
   * const jobs = await queue.enqueueMany(area, [[1, 2], [3, 4]])
   */
  async enqueueMany<Args extends unknown[], Result, Own extends unknown[]>(task: Task<Args, Result, Own>, calls: Iterable<NoInfer<Args>>): Promise<JobHandle<Awaited<Result>>[]> {
    const definition = this.#maker.known(task, 'enqueueMany')
    if (typeof calls !== 'object' || calls === null || !(Symbol.iterator in calls)) throw new InvalidOptionError('enqueueMany()', calls, 'an iterable with the arguments of each call')
    return await this.#keep(definition, Array.from(calls)) as JobHandle<Awaited<Result>>[]
  }

  /**
   * Enqueues inside transactions of the program's own: a job is there if its transaction commits, and never was if it does not. Where the backend
   * is a SQLite file, and the connection one to the same file; elsewhere there is no such transaction.
   *
   * @param connection a `DatabaseSync` of `node:sqlite`
   * @throws InvalidOptionError
   *
   * @example
   * const db = new (await import('node:sqlite')).DatabaseSync('app.db')
   * const orders = (await connect('sqlite:app.db', { tasks })).inside(db)
   * db.exec('CREATE TABLE orders (id INTEGER PRIMARY KEY)')
   *
   * db.exec('BEGIN IMMEDIATE')
   * db.exec('INSERT INTO orders VALUES (17)')
   * const job = orders.enqueue(area, 2, 3)
   * db.exec('COMMIT')
   */
  inside(connection: unknown): Transaction {
    const { backend, middleware, payloadLimit } = this.#parts
    if (this.closing) throw new ClosedError('The client')
    if (!backend.inside) throw new InvalidOptionError('inside()', connection, 'asked of a SQLite file: this backend has no transactions that a program can be inside of')
    return new Transaction({ enlisted: backend.inside(connection), maker: this.#maker, middleware, payloadLimit, handles: (jobs, taken) => this.#handles(jobs, taken) })
  }

  /**
   * Keeps a call of a task that is known by name only: of another program, or from a command line. Where the task is known by an
   * alias, the job bears its name.
   *
   * @param known the task's definition, where there is one: its options then apply, under `options`
   */
  async enqueueByName(name: string, args: readonly unknown[], options: CallOptions = {}, known?: TaskDefinition): Promise<JobHandle> {
    const [job] = await this.#keep(this.#maker.named('enqueueByName()', name, options, known), [args])
    return job!
  }

  /**
   * Has a call of the task enqueued at each slot of a schedule, by whichever worker is there: one job for each slot, however many workers there are. Makes the schedule,
   * or changes the one of that name; one that is the same already stays as it is, so it may be said at every start. Who paused it must resume it.
   *
   * The schedule is kept, with the arguments, until it is removed, also where no slot comes any more. Its jobs have the tags `schedule:NAME` and `slot:TIME`, the time as
   * in `2026-03-29T01:00:00.000Z`. Schemas check the arguments now; what middleware does around an enqueue is not done around theirs.
   *
   * @param name 1 to 90 letters, digits, or . : - _
   * @throws InvalidOptionError, and what `enqueue` throws; PayloadTooLargeError also where there are `payloads`
   *
   * @example
   * await queue.schedule('weekdays', { cron: '30 7 * * 1-5', timeZone: 'Europe/Berlin', jitter: '1m' }, area, 2, 3)
   * await queue.schedule('often', { every: '10s', missed: 'skip' }, area.with({ priority: -1 }), 2, 3)
   * await queue.schedule('then', { at: new Date('2030-01-01T09:00:00Z') }, area, 2, 3)
   */
  async schedule<Args extends unknown[], Result, Own extends unknown[]>(
    name: string, options: ScheduleOptions, task: Task<Args, Result, Own>, ...args: NoInfer<Args>
  ): Promise<ScheduleRecord> {
    return this.#schedules.put(name, options, await this.#scheduled(this.#maker.known(task, 'schedule'), args))
  }

  /** As `schedule`, for a task that is known by name only; see `enqueueByName`. */
  async scheduleByName(name: string, options: ScheduleOptions, task: string, args: readonly unknown[], call: CallOptions = {}, known?: TaskDefinition): Promise<ScheduleRecord> {
    return this.#schedules.put(name, options, await this.#scheduled(this.#maker.named('scheduleByName()', task, call, known), args))
  }

  /**
   * All schedules, in the order of their names, with the next slot of each.
   *
   * @example
   * const paused = (await queue.schedules()).filter((schedule) => schedule.paused)
   */
  schedules(): Promise<readonly ScheduleRecord[]> {
    return this.#schedules.all()
  }

  /** Fires no slot of it until it is resumed. Jobs that it has enqueued stay. @throws UnknownScheduleError */
  pauseSchedule(name: string): Promise<void> {
    return this.#schedules.pause(name)
  }

  /** It goes on with the next slot: those that came meanwhile were not missed. @throws UnknownScheduleError */
  resumeSchedule(name: string): Promise<void> {
    return this.#schedules.resume(name)
  }

  /** Jobs that it has enqueued stay: to end them, cancel all that bear its tag. @throws UnknownScheduleError */
  removeSchedule(name: string): Promise<void> {
    return this.#schedules.remove(name)
  }

  /** Enqueues a job of it at once, beside its slots, also while it is paused. @throws UnknownScheduleError */
  async triggerSchedule(name: string): Promise<JobHandle> {
    const jobs = [await this.#schedules.extraJob(name)]
    return this.#handles(jobs, await this.#enqueuer.add(jobs))[0]!
  }

  /** A handle on a job that was enqueued before, perhaps by another process. Whether it exists shows when the handle is used. */
  job(id: string): JobHandle {
    return new JobHandle(checkId(id), this, { known: false })
  }

  /** How many jobs stand where, and which workers live. */
  stats(): Promise<BrokerStats> {
    return this.#parts.backend.stats()
  }

  /**
   * Jobs in the order of their creation, 100 unless `limit` says otherwise. A result that is kept in `payloads` is not fetched, and undefined
   * here: see `read`.
   *
   * @throws InvalidOptionError
   */
  async list(filter: ListFilter = {}): Promise<readonly JobRecord[]> {
    return (await this.#parts.backend.list(listFilter(filter))).map((job) => recordOf(job, job.result && isReference(job.result) ? undefined : job.result))
  }

  /** @throws UnknownJobError, PayloadMissingError */
  async read(id: string): Promise<JobRecord> {
    const job = await this.#job(id)
    return recordOf(job, await this.#resultOf(job))
  }

  /** @throws UnknownJobError */
  async state(id: string): Promise<JobState> {
    return (await this.#job(id)).state
  }

  /**
   * Limits what runs of a queue, a task in it, or a key in it, on all workers together; what runs already goes on. The key `'*'` means each key that has no
   * limits of its own.
   *
   * @param limits in place of those that it had, all of them; null takes them away
   * @throws InvalidOptionError
   *
   * @example
   * await queue.limit({ queue: 'mail' }, { concurrency: 10, rate: { limit: 100, per: '1m' } })
   * await queue.limit({ queue: 'mail', key: '*' }, { concurrency: 2 })
   * await queue.limit({ queue: 'mail', key: 'tenant-7' }, { concurrency: 4, weight: 3 })
   */
  async limit(of: Limited, limits: Limits | null): Promise<void> {
    await this.#parts.backend.gate([{ ...gateName('limit()', of), rule: limits && gateRule(limits) }])
  }

  /** All limits, and what is paused or held. */
  limits(): Promise<readonly Gate[]> {
    return this.#parts.backend.gates()
  }

  /**
   * Nothing more of a queue, a task in it, or a key in it is started until it is resumed; what runs goes on, and what is enqueued waits.
   *
   * @throws InvalidOptionError
   *
   * @example
   * await queue.pause({ queue: 'mail' })
   * await queue.resume({ queue: 'mail' })
   */
  async pause(of: Limited): Promise<void> {
    await this.#parts.backend.gate([{ ...pausable('pause()', of), paused: true }])
  }

  /** What was paused is started again. @throws InvalidOptionError */
  async resume(of: Limited): Promise<void> {
    await this.#parts.backend.gate([{ ...pausable('resume()', of), paused: false }])
  }

  /** What happened to a job, oldest first, what its attempts logged, and what it is called with. @throws UnknownJobError */
  async story(id: string): Promise<ToldStory> {
    const { history, logs, payload } = await this.#story(id)
    const args = await this.#argsOf(id, payload).catch(() => undefined)
    return { history, logs, ...(args ? { args } : {}) }
  }

  /** See `JobHandle.cancel`. @throws UnknownJobError */
  async cancel(id: string): Promise<CancelOutcome> {
    if (isFinal(await this.state(id))) return 'finished'
    const [state] = await this.#parts.backend.commit([{ job: id, event: 'cancel' }])
    if (state === undefined) throw new UnknownJobError(id)
    if (state !== 'active') return state === 'cancelled' ? 'cancelled' : 'finished'
    const { worker } = await this.#job(id)
    const { workers } = await this.#parts.backend.stats()
    return worker === undefined || workers.some((alive) => alive.id === worker) ? 'stopping' : 'unreachable'
  }

  /**
   * Cancels every job that matches and has not ended, such as all of one tag; with `{}`, every one. A key whose value is undefined is an
   * error, not a key left out.
   *
   * @returns how many had what outcome
   * @throws InvalidOptionError
   *
   * @example
   * await queue.cancelAll({ tag: 'tenant-7' })   // {}
   */
  async cancelAll(filter: CancelFilter): Promise<Partial<Record<CancelOutcome, number>>> {
    const outcomes: Partial<Record<CancelOutcome, number>> = {}
    const { backend } = this.#parts
    for await (const page of this.#pages(cancelFilter(filter))) {
      const open = page.filter(({ state }) => !isFinal(state))
      const states = await backend.commit(open.map(({ id }) => ({ job: id, event: 'cancel' as const })))
      const active = open.filter((_, at) => states[at] === 'active')
      const running = active.length === 0 ? [] : await backend.read(active.map(({ id }) => id))
      const alive = new Set(active.length === 0 ? [] : (await backend.stats()).workers.map(({ id }) => id))
      const held = running.map((job): CancelOutcome => job?.worker === undefined || alive.has(job.worker) ? 'stopping' : 'unreachable')
      const rest = states.filter((state) => state !== 'active' && state !== undefined).map((state): CancelOutcome => state === 'cancelled' ? 'cancelled' : 'finished')
      for (const outcome of [...held, ...rest]) outcomes[outcome] = (outcomes[outcome] ?? 0) + 1
    }
    return outcomes
  }

  /**
   * Has a job that failed, was cancelled or is dead begin anew, with all its attempts before it. One that waits, runs or has succeeded
   * stays as it is.
   *
   * @param changed what of the job is to be another from now on
   * @returns its state now
   * @throws UnknownJobError; InvalidArgumentsError where its task is among `tasks`, and its schema refuses the arguments; PayloadTooLargeError, UncloneableError
   *
   * @example
   * await job.result()
   * await queue.retry(job.id, { args: [4, 5] })   // 'succeeded': it stays as it is
   */
  async retry(id: string, changed: RetryChanges = {}): Promise<JobState> {
    const { args } = checkOptions('retry()', changed, { args: true })
    const payload = args === undefined ? undefined : await this.#resealed(checkId(id), args)
    const [state] = await this.#parts.backend.commit([{ job: checkId(id), event: 'revive', ...(payload ? { payload } : {}) }])
    if (state === undefined) throw new UnknownJobError(id)
    return state
  }

  /**
   * Retries every job that matches, such as all that failed in a queue. A key whose value is undefined is an error, not a key left out.
   *
   * @returns how many
   * @throws InvalidOptionError
   *
   * @example
   * await queue.retryAll({ state: 'failed' })   // 0
   */
  async retryAll(filter: RetryFilter): Promise<number> {
    let retried = 0
    for await (const page of this.#pages(retryFilter(filter))) {
      const states = await this.#parts.backend.commit(page.map(({ id }) => ({ job: id, event: 'revive' as const })))
      retried += states.filter((state) => state === 'ready').length
    }
    return retried
  }

  /**
   * Removes jobs that have ended, oldest first, with their results, errors and payloads. A key whose value is undefined is an error, not
   * a key left out.
   *
   * @returns how many
   * @throws InvalidOptionError
   *
   * @example
   * await queue.purge({ states: ['succeeded'], olderThan: '7d' })   // 0
   */
  async purge(options: PurgeOptions): Promise<number> {
    const filter = { ...purgeFilter(options), limit: pageSize }
    let purged = 0
    for (let from: string | undefined; ;) {
      const { jobs, next } = await this.#parts.backend.purge({ ...filter, ...(from === undefined ? {} : { from }) })
      await this.#parts.payloads?.forget(jobs)
      purged += jobs.length
      if (next === undefined) return purged
      from = next
    }
  }

  /** How a job ended, once it has. @throws UnknownJobError, ResultTimeoutError, PayloadMissingError */
  async end(id: string, options: ResultOptions = {}): Promise<Ending> {
    checkOptions('result()', options, resultOptions)
    checkSignal('result()', options.signal)
    if (this.closing) throw new ClosedError('The client')
    const stop = new AbortController()
    const ms = options.timeout === undefined ? Infinity : milliseconds(options.timeout, 'timeout')
    const timer = this.clock.after(ms, () => stop.abort(stop))
    try {
      const others = [options.signal, currentScope()?.signal].filter((signal) => signal !== undefined)
      const ending = await this.#results.end(id, others.length > 0 ? AbortSignal.any([stop.signal, ...others]) : stop.signal)
      return ending.result && isReference(ending.result) ? { ...ending, result: await this.#resultOf(await this.#job(id)) } : ending
    } catch (error) {
      if (error !== stop) throw error
      const job = await this.#job(id)
      // It may have ended in this very moment, or long ago where there was no time to look.
      if (isFinal(job.state)) return { job: id, state: job.state, result: await this.#resultOf(job), error: job.error, attempt: job.attempt }
      throw new ResultTimeoutError(id, ms, job.state)
    } finally {
      timer[Symbol.dispose]()
    }
  }

  protected onStart(): void {}

  /** What was enqueued is kept first, if that can be done by the deadline; waits for results end with a ClosedError. */
  protected async onClose(deadline: Deadline): Promise<void> {
    const done = async (): Promise<void> => {
      await this.#enqueuer.settled()
      this.#results.close()
      if (this.#parts.owned) await this.#parts.backend.close()
    }
    const late = new AbortController()
    await Promise.race([done(), this.clock.sleep(left(deadline, this.clock.elapsed()), late.signal)])
    late.abort()
    this.#results.close()
  }

  /** Jobs that match, some at a time. */
  async *#pages(filter: Omit<JobFilter, 'limit' | 'after'>): AsyncGenerator<readonly Job[], void, undefined> {
    for (let after: string | undefined; ;) {
      const page = await this.#parts.backend.list({ ...filter, ...(after === undefined ? {} : { after }), limit: pageSize })
      if (page.length === 0) return
      yield page
      after = page.at(-1)!.id
    }
  }

  /** What each of its jobs is; a payload store has payloads of jobs only. */
  async #scheduled(definition: EnqueuedTask, args: readonly unknown[]): Promise<Schedule['call']> {
    const [job] = await this.#maker.jobsOf(definition, [args]) as [NewJob]
    const { payloadLimit } = this.#parts
    if (job.payload.length > payloadLimit) throw new PayloadTooLargeError(`The scheduled call of '${definition.name}'`, job.payload.length, payloadLimit, 'Payloads are kept of jobs, not of schedules: raise')
    if (this.closing) throw new ClosedError('The client')
    return callOf(job)
  }

  async #keep(definition: EnqueuedTask, calls: readonly (readonly unknown[])[]): Promise<JobHandle[]> {
    const { name: task, rules, middleware } = definition
    const jobs = await this.#maker.jobsOf(definition, calls)
    const keep = async (): Promise<void> => {
      if (this.closing) throw new ClosedError('The client')
      taken = await this.#enqueuer.add(jobs)
    }
    let taken: readonly Taken[] = []
    const infos = jobs.map(({ id }, index) => ({ job: id, task, args: calls[index]!, rules }))
    if (jobs.length > 0) await keepInside([...this.#parts.middleware, ...middleware], infos, keep)
    return this.#handles(jobs, taken)
  }

  #handles(jobs: readonly NewJob[], taken: readonly Taken[]): JobHandle[] {
    const others = new Map(taken.map((one) => [one.job, one]))
    return jobs.map(({ id }) => {
      const other = others.get(id)
      return other ? new JobHandle(other.holder, this, { admission: other.admission }) : new JobHandle(id, this)
    })
  }

  async #job(id: string): Promise<Job> {
    const [job] = await this.#parts.backend.read([checkId(id)])
    if (!job) throw new UnknownJobError(id)
    return job
  }

  async #resultOf({ id, token, result }: Job): Promise<Uint8Array | undefined> {
    return result && isReference(result) ? redeem(this.#parts.payloads, resultName(id, token), result, `The result of job ${id}`) : result
  }

  async #story(id: string): Promise<KeptStory> {
    const story = await this.#parts.backend.story(checkId(id))
    if (!story) throw new UnknownJobError(id)
    return story
  }

  async #argsOf(id: string, payload: Uint8Array): Promise<readonly unknown[]> {
    const { args } = openEnvelope(payload)
    return decode(isReference(args) ? await redeem(this.#parts.payloads, argsName(id), args, `What job ${id} is called with`) : args) as readonly unknown[]
  }

  /** A job's envelope with other arguments. */
  async #resealed(id: string, args: readonly unknown[]): Promise<Uint8Array> {
    if (!Array.isArray(args)) throw new InvalidOptionError('args', args, 'the list of the arguments')
    const { registry, payloadLimit } = this.#parts
    const [job, { payload: before }] = [await this.#job(id), await this.#story(id)]
    if (registry.has(job.task)) await checkedArgs(registry.get(job.task), args)
    const payload = encode(args, `The arguments of '${job.task}'`, 'args', leadOf(openEnvelope(before).header))
    if (payload.length > payloadLimit) throw new PayloadTooLargeError(`The call of '${job.task}'`, payload.length, payloadLimit)
    return payload
  }
}

function recordOf(job: Job, result: Uint8Array | undefined): JobRecord {
  return { ...job, result: result && decode(result) }
}

function checkId(id: unknown): string {
  if (typeof id !== 'string') throw new InvalidOptionError('job', id, "a job's id")
  return id
}
