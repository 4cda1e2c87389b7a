import type { Backend } from '../backends/backend.ts'
import type { BrokerStats, Enlisted, Taken } from '../backends/broker.ts'
import { type QueuesLoad, loadOf } from '../backends/load.ts'
import type { PayloadStore } from '../backends/payloads/payload-store.ts'
import { currentScope } from '../concurrency/cancel-scope.ts'
import type { Ending } from '../backends/store.ts'
import type { Gate } from '../jobs/gates.ts'
import type { NewJob } from '../jobs/job.ts'
import type { QueueEvent } from '../jobs/queue-event.ts'
import { type Schedule, callOf } from '../jobs/schedule.ts'
import { type JobState, isFinal } from '../jobs/states.ts'
import type { Clock } from '../kernel/clock.ts'
import { type Deadline, left } from '../kernel/deadline.ts'
import { milliseconds } from '../kernel/duration.ts'
import { ClosedError, InvalidOptionError, PayloadTooLargeError, ResultTimeoutError } from '../kernel/errors.ts'
import { idMaker } from '../kernel/id.ts'
import { checkOptions, checkSignal } from '../kernel/options.ts'
import { Service } from '../kernel/service.ts'
import { type Middleware, keepInside } from '../tasks/middleware.ts'
import type { TaskRegistry } from '../tasks/registry.ts'
import type { CallOptions } from '../tasks/call-options.ts'
import type { Task, TaskDefinition } from '../tasks/task.ts'
import { isReference } from '../wire/claim-check.ts'
import { ArgsDepot, type Keeper } from './args-depot.ts'
import { Control } from './control.ts'
import { Enqueuer } from './enqueuer.ts'
import { EventStream, type EventsOptions } from './events.ts'
import { type CancelOutcome, JobHandle, type JobRecord, type ResultOptions, type RetryChanges, type ToldStory } from './job-handle.ts'
import type { CancelFilter, ListFilter, PurgeOptions, RetryFilter } from './job-filters.ts'
import { type Limited, type Limits, gateName, gateRule, pausable } from './limits.ts'
import { JobBook, checkId } from './job-book.ts'
import { type EnqueuedTask, JobMaker, listOf } from './job-maker.ts'
import { ResultWaiter } from './result-waiter.ts'
import type { checkRoutes } from './routes.ts'
import { Transaction } from './transaction.ts'
import { withoutIdempotencyKeys } from './unique-rule.ts'
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

const resultOptions = { timeout: true, signal: true } as const

/** What `connect` gives: enqueues calls, hears of their results, cancels them. */
export class Client extends Service {
  readonly #parts: ClientParts
  readonly #maker: JobMaker
  readonly #jobs: JobBook
  readonly #enqueuer: Keeper
  /** Asks and tells workers that were started with `control: true`. */
  readonly control: Control
  readonly #results: ResultWaiter
  readonly #streams = new Set<EventStream>()
  readonly #schedules: ScheduleBook

  constructor(parts: ClientParts) {
    super(parts.clock)
    this.#parts = parts
    const { backend, registry, routes, payloads, payloadLimit } = parts
    const nextId = idMaker(parts.clock)
    this.#maker = new JobMaker({ registry, routes, nextId, payloadLimit, hasPayloads: payloads !== undefined })
    this.#jobs = new JobBook({ backend, registry, payloads, payloadLimit })
    const enqueuer = new Enqueuer(backend)
    this.#enqueuer = payloads ? new ArgsDepot(enqueuer, backend, payloads, payloadLimit) : enqueuer
    this.control = new Control(backend, parts.clock)
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
    return await this.#keep(definition, listOf(calls)) as JobHandle<Awaited<Result>>[]
  }

  /**
   * Enqueues inside transactions of the program's own: a job is there if its transaction commits, and never was if it does not. Where the backend
   * is a SQLite file, and the connection one to the same file; elsewhere there is no such transaction.
   *
   * @param connection a `DatabaseSync` of `node:sqlite`
   * @throws InvalidOptionError, ClosedError
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
    const open = backend.inside(connection)
    const enlisted: Enlisted = {
      publish: (jobs) => {
        if (this.closing) throw new ClosedError('The client')
        return open.publish(jobs)
      }
    }
    return new Transaction({ enlisted, maker: this.#maker, middleware, payloadLimit, handles: (jobs, taken) => this.#handles(jobs, taken) })
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
   * in `2026-03-29T01:00:00.000Z`. Schemas check the arguments now; what middleware does around an enqueue is not done around theirs, and an
   * `idempotencyKey` does not count: each slot has one job as it is.
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

  /** How many jobs stand where, which workers live, and how much there is to do for them. */
  async stats(): Promise<BrokerStats & { readonly load: QueuesLoad }> {
    const stats = await this.#parts.backend.stats()
    return { ...stats, load: loadOf(stats) }
  }

  /**
   * Jobs in the order of their creation, 100 unless `limit` says otherwise. A result that is kept in `payloads` is not fetched, and undefined
   * here: see `read`.
   *
   * @throws InvalidOptionError
   */
  list(filter: ListFilter = {}): Promise<readonly JobRecord[]> {
    return this.#jobs.list(filter)
  }

  /** @throws UnknownJobError, PayloadMissingError */
  read(id: string): Promise<JobRecord> {
    return this.#jobs.read(id)
  }

  /** See `JobHandle.watch`. */
  async *watch(id: string, options: Pick<ResultOptions, 'signal'> = {}): AsyncGenerator<JobRecord, void, undefined> {
    const { signal } = checkOptions('watch()', options, { signal: true })
    await using events = this.events({ job: checkId(id), limit: 1, ...(signal ? { signal } : {}) })
    await events.ready
    let record = await this.read(id)
    for (;;) {
      yield record
      if (isFinal(record.state)) return
      // Whatever it was, or was missed: the job says what came of it.
      await events.next()
      record = await this.read(id)
    }
  }

  /** @throws UnknownJobError */
  async state(id: string): Promise<JobState> {
    return (await this.#jobs.job(id)).state
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
    const name = gateName('limit()', of)
    await this.#parts.backend.gate([{ ...name, rule: limits === null ? null : gateRule(limits, name) }])
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
  story(id: string): Promise<ToldStory> {
    return this.#jobs.story(id)
  }

  /** See `JobHandle.cancel`. @throws UnknownJobError */
  cancel(id: string): Promise<CancelOutcome> {
    return this.#jobs.cancel(id)
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
  cancelAll(filter: CancelFilter): Promise<Partial<Record<CancelOutcome, number>>> {
    return this.#jobs.cancelAll(filter)
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
  retry(id: string, changed: RetryChanges = {}): Promise<JobState> {
    return this.#jobs.retry(id, changed)
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
  retryAll(filter: RetryFilter): Promise<number> {
    return this.#jobs.retryAll(filter)
  }

  /**
   * Removes jobs that have ended, oldest first, with their results, errors and payloads; one whose large result a linked job still needs stays until that has ended. A key whose value is undefined is an error, not
   * a key left out.
   *
   * @returns how many
   * @throws InvalidOptionError
   *
   * @example
   * await queue.purge({ states: ['succeeded'], olderThan: '7d' })   // 0
   */
  purge(options: PurgeOptions): Promise<number> {
    return this.#jobs.purge(options)
  }

  /**
   * What happens to jobs and workers, as it happens, whoever does it, in whatever process. Of one job, in the order in which it happened: the backend
   * tells within the same transaction. Nothing is kept for later: what was before is in `JobHandle.story`. While nobody listens nothing is
   * told or stored at all.
   *
   * Whoever takes events more slowly than they come loses the oldest beyond `limit`, and is told of it by an event `missed`, as after
   * a lost connection.
   *
   * @throws InvalidOptionError, ClosedError
   *
   * @example
   * const events = queue.events({ types: ['succeeded', 'failed'] })
   * await queue.enqueue(area, 2, 3)
   * for await (const event of events) {
   *   if (event.type === 'failed') console.log(event.job, event.error.message)
   *   if (event.type === 'succeeded') break
   * }
   */
  events<const Type extends QueueEvent['type'] = QueueEvent['type']>(options: EventsOptions<Type> = {}): EventStream<Type> {
    if (this.closing) throw new ClosedError('The client')
    const stream: EventStream<Type> = new EventStream(this.#parts.backend, options, () => this.#streams.delete(stream))
    this.#streams.add(stream)
    return stream
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
      return ending.result && isReference(ending.result) ? { ...ending, result: await this.#jobs.resultOf(await this.#jobs.job(id)) } : ending
    } catch (error) {
      if (error !== stop) throw error
      const job = await this.#jobs.job(id)
      // It may have ended in this very moment, or long ago where there was no time to look.
      if (isFinal(job.state)) return { job: id, state: job.state, result: await this.#jobs.resultOf(job), error: job.error, attempt: job.attempt }
      throw new ResultTimeoutError(id, ms, job.state)
    } finally {
      timer[Symbol.dispose]()
    }
  }

  protected onStart(): void {}

  /** What was enqueued is kept first, if that can be done by the deadline; waits for results end with a ClosedError. */
  protected async onClose(deadline: Deadline): Promise<void> {
    for (const stream of this.#streams) stream.fail(new ClosedError('The client'))
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

  /** What each of its jobs is; a payload store has payloads of jobs only. */
  async #scheduled(definition: EnqueuedTask, args: readonly unknown[]): Promise<Schedule['call']> {
    const [job] = await this.#maker.jobsOf(definition, [args]) as [NewJob]
    const { payloadLimit } = this.#parts
    if (job.payload.length > payloadLimit) throw new PayloadTooLargeError(`The scheduled call of '${definition.name}'`, job.payload.length, payloadLimit, 'Payloads are kept of jobs, not of schedules: raise')
    if (this.closing) throw new ClosedError('The client')
    return callOf(withoutIdempotencyKeys(job))
  }

  async #keep(definition: EnqueuedTask, calls: readonly (readonly unknown[])[]): Promise<JobHandle[]> {
    const { name: task, rules, middleware } = definition
    const made = this.#maker.jobsOf(definition, calls)
    const jobs = made instanceof Promise ? await made : made
    if (jobs.length === 0) return []
    const around = [...this.#parts.middleware, ...middleware]
    if (around.length === 0) return this.#handles(jobs, await this.#add(jobs))
    const infos = jobs.map(({ id }, index) => ({ job: id, task, args: calls[index]!, rules }))
    let taken: readonly Taken[] = []
    await keepInside(around, infos, async () => { taken = await this.#add(jobs) })
    return this.#handles(jobs, taken)
  }

  #add(jobs: readonly NewJob[]): Promise<readonly Taken[]> {
    if (this.closing) throw new ClosedError('The client')
    return this.#enqueuer.add(jobs)
  }

  #handles(jobs: readonly NewJob[], taken: readonly Taken[]): JobHandle[] {
    if (taken.length === 0) return jobs.map(({ id }) => new JobHandle(id, this))
    const others = new Map(taken.map((one) => [one.job, one]))
    return jobs.map(({ id }) => {
      const other = others.get(id)
      return other ? new JobHandle(other.holder, this, { admission: other.admission }) : new JobHandle(id, this)
    })
  }
}
