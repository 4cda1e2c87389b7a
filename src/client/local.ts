import { availableParallelism } from 'node:os'
import { currentScope, currentSignal } from '../concurrency/cancel-scope.ts'
import { checkItems } from '../concurrency/map-calls.ts'
import { map, mapUnordered } from '../concurrency/map.ts'
import type { Call, Outcome, Progress } from '../executors/executor.ts'
import { type Clock, systemClock } from '../kernel/clock.ts'
import { byteCount, count } from '../kernel/count.ts'
import { after, never } from '../kernel/deadline.ts'
import { type Duration, milliseconds } from '../kernel/duration.ts'
import { checkOptions, checkSignal } from '../kernel/options.ts'
import { type Logger, silentLogger } from '../kernel/logger.ts'
import type { CloseOptions } from '../kernel/service.ts'
import { TaskLoader } from '../tasks/loader.ts'
import { refuseNestedStart } from '../tasks/own-thread.ts'
import { TaskRegistry } from '../tasks/registry.ts'
import { type AnyTask, type Place, type Task, type TaskDefinition, type TaskRef, definitionOf } from '../tasks/task.ts'
import { takeMoved } from '../wire/moving.ts'
import { copying, cloning } from '../wire/uncloneable.ts'
import { ChunkedMap } from './chunked-map.ts'
import { LocalCall, resultOf } from './local-call.ts'
import { type MapResults, manyAtOnce, oneByOne } from './map-results.ts'
import { Operation } from './operation.ts'
import { Pipeline } from './pipeline.ts'
import { type Room, Rooms, besides } from './rooms.ts'
import { mapItems, mapTask } from '../executors/calls/map-items.ts'
import type { ExecutorStatistics } from '../executors/statistics.ts'
import { streamItems, streamTask } from '../executors/calls/stream-items.ts'
import { Streams } from '../executors/calls/streams.ts'
import '../executors/entries.ts'

export interface LocalOptions {
  /** How many threads, at most, for tasks that compute; they start when there is work. Default: as many as cores. */
  threads?: number
  /** How many calls run at once on the event loop. Default: 100. */
  loopConcurrency?: number
  /**
   * How many threads, at most, for tasks that block while they wait; they come with the calls and end when idle for 5 s. As many streams run at
   * once on threads of their own, and as many in child processes: one more begins when one ends. Default: 64.
   */
  blocking?: number
  /** How many child processes, at most; they start when there is work. Default: as many as cores. */
  processes?: number
  /** How many bytes of memory a child process may hold, all told: beyond it, it is replaced. Default: no limit. */
  memoryLimit?: number
  /** The folder, the environment and the flags of Node that child processes have. Default: this process's own. */
  child?: { readonly cwd?: string, readonly env?: NodeJS.ProcessEnv, readonly execArgv?: readonly string[] }
  /** After so many calls, or where it holds more bytes than this in its heap or outside of it, a thread or child process is replaced, when what it was given has ended. Default: never. */
  recycle?: { readonly calls?: number, readonly heap?: number, readonly external?: number }
  /** How many calls may wait for a thread, and how many for a child process: one more is refused with PoolFullError. Default: no limit. */
  maxQueue?: number
  /** About how many bytes of arguments may wait so. Default: no limit. */
  maxQueueBytes?: number
  /** How long a thread, or a child process, may idle before it ends; another comes when there is work. Default: as long as this is open. */
  idleAfter?: Duration
  /** How many threads, and how many child processes, stay though they idle. Default: 0. */
  keepIdle?: number
  clock?: Clock
  log?: Logger
}

export interface MapOptions {
  /**
   * How many items are taken beyond those whose results were asked for; then each is a call of its own. Default: `loopConcurrency` on the loop, and `blocking` for what
   * blocks; on threads and in processes many items travel together, as many as make about 2 ms of work.
   */
  concurrency?: number
  /** Ends the iteration, with its reason. */
  signal?: AbortSignal
  /** Hears how many items are done, of how many where that is known: after each chunk, or each item that goes alone. What it throws nothing catches. */
  onProgress?: (progress: Progress) => void
}

/** What holds for all calls that are made through a runner. */
export interface RunnerOptions {
  /** Cancels them. */
  signal?: AbortSignal
  /** Hears of `context().progress()`: about every 50 ms of a call at most, the last before the call settles. What it throws nothing catches. */
  onProgress?: (progress: Progress) => void
}

/** What a local runner does; `with` gives the same with other options. */
export interface Runner {
  /**
   * Calls the task where it belongs: on the event loop if it is async, on a thread otherwise, unless its `runs` says so.
   * On a thread or in a process arguments and result are copied; do not change arguments before the call has settled.
   *
   * Rejects with what the task threw, or with the reason of the signal, DeadlineExceededError, ThreadExitedError,
   * ProcessExitedError, UncloneableError, ClosedError. It is tried once: `retry` is for jobs.
   *
   * @throws NotATaskError, DuplicateTaskError
   *
   * @example
   * await here.run(area, 2, 3)                              // 6
   * await here.run(area.with({ timeout: '1s' }), 2, 3)      // 6
   */
  run<Args extends unknown[], Result, Own extends unknown[]>(task: Task<Args, Result, Own>, ...args: NoInfer<Args>): Promise<Awaited<Result>>
  /**
   * Calls the task for each item and gives the results in order: iterated, one by one; awaited, a list of all. The source is read no further than
   * needed, so it may be endless. The first error in that order ends it and cancels the rest; so does leaving the loop.
   *
   * On threads and in processes many items travel together, by how long they take, and one after another: `context()` is that of all of them. Typed
   * arrays travel as such, and shared memory stays shared. Work that is too small to be carried runs here, a few milliseconds at a time, unless
   * the task's `runs` says where.
   *
   * @throws NotATaskError, DuplicateTaskError, InvalidOptionError
   *
   * @example
   * for await (const sum of here.map(sumTo, [10, 100, 1_000])) console.log(sum)
   * await here.map(sumTo, Int32Array.of(2, 3))   // [ 3, 6 ]
   */
  map<Item, Result, Own extends unknown[]>(task: Task<[item: Item], Result, Own>, items: Iterable<NoInfer<Item>> | AsyncIterable<NoInfer<Item>>, options?: MapOptions): MapResults<Awaited<Result>>
  /**
   * As `map`, but gives results as soon as they are there, and throws the first error that comes.
   *
   * @throws NotATaskError, DuplicateTaskError, InvalidOptionError
   *
   * @example
   * for await (const sum of here.mapUnordered(sumTo, [1_000, 10])) console.log(sum)
   */
  mapUnordered<Item, Result, Own extends unknown[]>(task: Task<[item: Item], Result, Own>, items: Iterable<NoInfer<Item>> | AsyncIterable<NoInfer<Item>>, options?: MapOptions): MapResults<Awaited<Result>>
}

/** By place; what streams, and what threads ask of the loop, is told apart. */
export type LocalStatistics = Readonly<Partial<Record<Room, ExecutorStatistics>>>

/** Runs tasks here and now, on this machine, without a server. */
export interface Local extends Runner, AsyncDisposable {
  /**
   * Begins a call and gives what it is asked by: for its result, for how far it has come, and to cancel it.
   *
   * @throws NotATaskError, DuplicateTaskError
   *
   * @example
   * const call = here.start(area, 2, 3)
   * call.state            // 'running'
   * await call.result()   // 6
   */
  start<Args extends unknown[], Result, Own extends unknown[]>(task: Task<Args, Result, Own>, ...args: NoInfer<Args>): Operation<Awaited<Result>, Progress>
  /**
   * Iterates what a task's generator yields, wherever it runs: it is never more than 16 items ahead of who takes them. An error comes after the
   * items before it. Leaving the loop, or a cancel, ends the generator: its signal aborts, its `finally` runs, and the loop is left when that is done;
   * what goes wrong there is thrown. One that does not end within half a second is stopped; on the loop, where nothing can be, it is left behind.
   *
   * Rejects as `run` does; with NotAGeneratorError where the task gives nothing to iterate.
   *
   * @throws NotATaskError, DuplicateTaskError
   *
   * @example
   * const upTo = task({ name: 'upTo', runs: 'loop' }, async function* (n: number) {
   *   for (let at = 1; at <= n; at++) yield at
   * })
   * await Array.fromAsync(here.stream(upTo, 3))   // [ 1, 2, 3 ]
   */
  stream<Args extends unknown[], Item, Own extends unknown[]>(task: Task<Args, Iterable<Item> | AsyncIterable<Item>, Own>, ...args: NoInfer<Args>): AsyncGenerator<Item, void, undefined>
  /**
   * The beginning of a pipeline: `through` gives it a stage.
   *
   * @example
   * const sums = here.pipeline([10, 100]).through(sumTo).through(sumTo, { concurrency: 2 })
   */
  pipeline<Item>(items: Iterable<Item> | AsyncIterable<Item>): Pipeline<Item>
  /**
   * The same, with a signal that cancels every call made through it, or with somebody who hears how far its calls have come.
   *
   * @example
   * await here.with({ onProgress: ({ done, total }) => console.log(`${done} of ${total}`) }).run(area, 2, 3)   // 6
   */
  with(options: RunnerOptions): Runner
  /**
   * Starts all threads, or child processes, of the tasks' places and has each import the tasks' modules: the first calls then wait for nothing.
   *
   * @throws NotATaskError, DuplicateTaskError, ClosedError; what a module throws when it is imported
   *
   * @example
   * await here.warm(area, sumTo)
   */
  warm(...tasks: readonly AnyTask[]): Promise<void>
  /**
   * Calls the task once on each thread, or in each child process, of its place, after those have all been started; for a task that blocks, on the
   * threads that there are; on the loop, once. Gives the results in no particular order. For what belongs to a thread for as long as it lives, such as a
   * connection or a loaded model, `resource()` is better: a thread that comes later has it too.
   *
   * Rejects as `run` does, when all have ended.
   *
   * @throws NotATaskError, DuplicateTaskError
   *
   * @example
   * await here.broadcast(area, 2, 3)   // [ 6, 6 ]
   */
  broadcast<Args extends unknown[], Result, Own extends unknown[]>(task: Task<Args, Result, Own>, ...args: NoInfer<Args>): Promise<Awaited<Result>[]>
  /**
   * Resolves when a call of the task would not be refused for want of room: at once, where `maxQueue` and `maxQueueBytes` leave some.
   *
   * @throws NotATaskError, DuplicateTaskError, ClosedError
   *
   * @example
   * await here.ready(area)
   * await here.run(area, 2, 3)   // 6
   */
  ready(task: AnyTask): Promise<void>
  /**
   * What was done so far in each place that was used, and what is under way: times as percentiles, by task, and what each thread and child process
   * did. It is always kept, in constant memory. What happens can be heard of on the channels `treadle:call:settled`, `treadle:worker:started`
   * and `treadle:worker:ended` of `node:diagnostics_channel`.
   *
   * @example
   * await here.run(area, 2, 3)
   * const { p99 } = here.statistics().thread!.tasks.area!.running   // milliseconds
   */
  statistics(): LocalStatistics
  /** Waits for the calls under way until the deadline, then stops them: they reject with ClosedError. */
  close(options?: CloseOptions): Promise<void>
}

const localOptions = { threads: true, loopConcurrency: true, blocking: true, processes: true, memoryLimit: true, child: true, recycle: true, maxQueue: true, maxQueueBytes: true, idleAfter: true, keepIdle: true, clock: true, log: true } as const
const childOptions = { cwd: true, env: true, execArgv: true } as const
const recycleOptions = { calls: true, heap: true, external: true } as const
const mapOptions = { concurrency: true, signal: true, onProgress: true } as const
const nothing: RunnerOptions = {}
const runnerOptions = { signal: true, onProgress: true } as const

/** How many items each thread or process has before it in `map` where each is a call of its own. */
const itemsEach = 8

/** Tasks of our own that run other tasks. */
const ownTasks: ReadonlyMap<string, TaskDefinition> = new Map([[streamTask, definitionOf(streamItems, 'stream')], [mapTask, definitionOf(mapItems, 'map')]])

/**
 * Runs tasks on this machine: what waits on the event loop, what computes on threads, what may crash in child processes.
 *
 * @throws InvalidOptionError, NestedStartError
 *
 * @example
 * await using here = local()
 * await here.run(area, 2, 3)   // 6
 */
export function local(options: LocalOptions = {}): Local {
  refuseNestedStart('local()')
  const checked = checkOptions('local()', options, localOptions)
  const { threads = localDefaults.threads, loopConcurrency = localDefaults.loopConcurrency, blocking = localDefaults.blocking, processes = localDefaults.processes } = checked
  const { memoryLimit = localDefaults.memoryLimit, clock = localDefaults.clock, log = localDefaults.log } = checked
  const { maxQueue, maxQueueBytes = localDefaults.maxQueueBytes, idleAfter, keepIdle, child = localDefaults.child, recycle = localDefaults.recycle } = checked
  byteCount('memoryLimit', memoryLimit)
  byteCount('maxQueueBytes', maxQueueBytes)
  return new LocalRunner({
    threads: count('threads', threads),
    loopConcurrency: count('loopConcurrency', loopConcurrency),
    blocking: count('blocking', blocking),
    processes: count('processes', processes),
    maxQueue: maxQueue === undefined ? localDefaults.maxQueue : count('maxQueue', maxQueue),
    idleAfter: idleAfter === undefined ? localDefaults.idleAfter : milliseconds(idleAfter, 'idleAfter'),
    keepIdle: keepIdle === undefined || keepIdle === 0 ? 0 : count('keepIdle', keepIdle),
    child: checkOptions('local() child', child, childOptions),
    recycle: checkedRecycle(recycle),
    memoryLimit, maxQueueBytes, clock, log
  })
}

function checkedRecycle(recycle: NonNullable<LocalOptions['recycle']>): NonNullable<LocalOptions['recycle']> {
  const { calls, heap, external } = checkOptions('local() recycle', recycle, recycleOptions)
  if (calls !== undefined) count('recycle.calls', calls)
  if (heap !== undefined) byteCount('recycle.heap', heap)
  if (external !== undefined) byteCount('recycle.external', external)
  return recycle
}

/** What `local()` is made with where nothing is said. */
export const localDefaults: CheckedLocalOptions = {
  threads: availableParallelism(), loopConcurrency: 100, blocking: 64, processes: availableParallelism(), memoryLimit: Infinity, child: {}, recycle: {},
  maxQueue: Infinity, maxQueueBytes: Infinity, idleAfter: Infinity, keepIdle: 0, clock: systemClock, log: silentLogger
}

/** `idleAfter` is in milliseconds. */
export type CheckedLocalOptions = Required<LocalOptions> & { readonly idleAfter: number }

/** Use `local`, which checks what it is given. */
export class LocalRunner implements Local {
  readonly #options: CheckedLocalOptions
  readonly #registry = new TaskRegistry()
  readonly #rooms: Rooms
  readonly #loader: TaskLoader
  readonly #streams: Streams
  /** Most calls are of the same task as the one before. */
  #lastKnown: TaskDefinition | undefined

  constructor(options: CheckedLocalOptions) {
    this.#options = options
    this.#loader = new TaskLoader(options.clock)
    this.#streams = new Streams(options.clock)
    this.#rooms = new Rooms(options, {
      find: (name) => ownTasks.get(name) ?? this.#registry.get(name),
      hostCall: (ref, args, signal) => this.#runForThread(ref, args, signal),
      streams: this.#streams
    })
  }

  run<Args extends unknown[], Result, Own extends unknown[]>(task: Task<Args, Result, Own>, ...args: NoInfer<Args>): Promise<Awaited<Result>> {
    return this.#runTask(task, args, nothing) as Promise<Awaited<Result>>
  }

  map<Item, Result, Own extends unknown[]>(task: Task<[item: Item], Result, Own>, items: Iterable<Item> | AsyncIterable<Item>, options: MapOptions = {}): MapResults<Awaited<Result>> {
    return this.#map(task, items, options, {}, true)
  }

  mapUnordered<Item, Result, Own extends unknown[]>(task: Task<[item: Item], Result, Own>, items: Iterable<Item> | AsyncIterable<Item>, options: MapOptions = {}): MapResults<Awaited<Result>> {
    return this.#map(task, items, options, {}, false)
  }

  start<Args extends unknown[], Result, Own extends unknown[]>(task: Task<Args, Result, Own>, ...args: NoInfer<Args>): Operation<Awaited<Result>, Progress> {
    const definition = this.#known(task, 'start')
    return new Operation(({ resolve, reject, progress, signal }) => {
      this.#run(definition, args, { signal, onProgress: progress }).then((result) => resolve(result as Awaited<Result>), reject)
    })
  }

  stream<Args extends unknown[], Item, Own extends unknown[]>(task: Task<Args, Iterable<Item> | AsyncIterable<Item>, Own>, ...args: NoInfer<Args>): AsyncGenerator<Item, void, undefined> {
    return this.#stream(this.#known(task, 'stream'), args) as AsyncGenerator<Item, void, undefined>
  }

  #stream(definition: TaskDefinition, args: readonly unknown[]): AsyncGenerator<unknown, void, undefined> {
    takeMoved(args) // which are copied
    const place = definition.runs
    const streaming = definitionOf(streamItems, 'stream')
    const room = besides[place]
    return this.#streams.iterate(place, async (sink, signal) => {
      const around = currentScope()?.signal
      const executor = this.#rooms.ready(room) ?? await this.#rooms.get(room)
      const call: Call = {
        task: place === 'loop' ? streaming : { name: streaming.name, source: streaming.source },
        title: definition.name,
        input: { args: [place === 'loop' ? definition : { name: definition.name, source: definition.source }, args, sink instanceof Promise ? await sink : sink] },
        timeout: definition.rules.timeout,
        priority: definition.rules.priority,
        isBounded: true,
        signal: around ? AbortSignal.any([signal, around]) : signal
      }
      return resultOf({ ...call, task: definition }, await executor.execute(call))
    })
  }

  pipeline<Item>(items: Iterable<Item> | AsyncIterable<Item>): Pipeline<Item> {
    return new Pipeline(this, items)
  }

  /** Calls it there, whatever place it has. */
  async runAt(place: Place, task: unknown, args: readonly unknown[]): Promise<unknown> {
    return await this.#run({ ...this.#known(task, 'run'), runs: place }, args, {})
  }

  async warm(...tasks: readonly AnyTask[]): Promise<void> {
    const definitions = tasks.map((task) => this.#known(task, 'warm'))
    await Promise.all(Map.groupBy(definitions, ({ runs }) => runs).entries().map(async ([place, wanted]) => {
      if (place === 'thread' || place === 'process') await (await this.#rooms.pool(place)).warm(wanted)
    }))
  }

  async broadcast<Args extends unknown[], Result, Own extends unknown[]>(task: Task<Args, Result, Own>, ...args: NoInfer<Args>): Promise<Awaited<Result>[]> {
    const definition = this.#known(task, 'broadcast')
    const { runs } = definition
    if (runs === 'loop') return [await this.#run(definition, args, nothing) as Awaited<Result>]
    const pool = await this.#rooms.pool(runs)
    if (runs !== 'blocking') await pool.warm([definition])
    takeMoved(args) // which all get a copy of
    const call = new LocalCall(definition, args, currentScope()?.signal, undefined)
    return (await pool.broadcast(call)).map((outcome) => resultOf(call, outcome) as Awaited<Result>)
  }

  async ready(task: AnyTask): Promise<void> {
    const { runs } = this.#known(task, 'ready')
    if (runs !== 'loop') await (await this.#rooms.pool(runs)).ready()
  }

  statistics(): LocalStatistics {
    return this.#rooms.statistics
  }

  with(own: RunnerOptions): Runner {
    checkOptions('with()', own, runnerOptions)
    checkSignal('with()', own.signal)
    return {
      run: (task, ...args) => this.#runTask(task, args, own) as Promise<never>,
      map: (task, items, options = {}) => this.#map(task, items, options, own, true),
      mapUnordered: (task, items, options = {}) => this.#map(task, items, options, own, false)
    }
  }

  async close(options: CloseOptions = {}): Promise<void> {
    checkOptions('close()', options, { deadline: true })
    const { clock } = this.#options
    const deadline = options.deadline === undefined ? never : after(clock.elapsed(), milliseconds(options.deadline, 'deadline'))
    this.#streams.shut()
    await this.#rooms.close(deadline)
    await this.#streams.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  #map<Item, Result, Own extends unknown[]>(task: Task<[item: Item], Result, Own>, items: Iterable<Item> | AsyncIterable<Item>, options: MapOptions, own: RunnerOptions, ordered: boolean): MapResults<Awaited<Result>> {
    const where = ordered ? 'map()' : 'mapUnordered()'
    const definition = this.#known(task, ordered ? 'map' : 'mapUnordered')
    const { concurrency, signal, onProgress } = checkOptions(where, options, mapOptions)
    const done = countDone(items, onProgress && telling(onProgress))
    checkSignal(where, signal)
    checkItems(where, items)
    const { runs, rules } = definition
    const limit = count('concurrency', concurrency ?? this.#itemsFor(runs))
    const signals = [signal, own.signal].filter((each) => each !== undefined)
    const outer = signals.length > 1 ? AbortSignal.any(signals) : signals[0]
    if (concurrency !== undefined || own.onProgress || rules.timeout !== Infinity || runs === 'loop' || runs === 'blocking') {
      const call = async (item: Item): Promise<Awaited<Result>> => {
        const result = await this.#run(definition, [item], { ...own, signal: currentSignal() }, runs, true) as Awaited<Result>
        done(1)
        return result
      }
      return oneByOne((ordered ? map : mapUnordered)(items, call, { concurrency: limit, ...(outer ? { signal: outer } : {}) }))
    }
    const chunks = new ChunkedMap({
      source: items, definition, ordered, signal: outer, done,
      ...(runs === 'thread' ? { workers: this.#options.threads, rules: cloning } : { workers: this.#options.processes, rules: copying }),
      execute: (call) => this.#execute(runs, call),
      executeHere: (call) => this.#execute('beside the loop', call)
    })
    return manyAtOnce((exit) => chunks.batches(exit) as AsyncGenerator<ArrayLike<Awaited<Result>>, void, undefined>, () => { chunks.wantsAll = true })
  }

  async #execute(room: Room, call: Call): Promise<Outcome> {
    const executor = this.#rooms.ready(room) ?? await this.#rooms.get(room)
    return await executor.execute(call)
  }

  #runTask(task: unknown, args: readonly unknown[], own: RunnerOptions): Promise<unknown> {
    try {
      return this.#run(this.#known(task, 'run'), args, own)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  #run(task: TaskDefinition, args: readonly unknown[], { signal: own, onProgress }: RunnerOptions, room: Room = task.runs, isBounded = false): Promise<unknown> {
    const around = currentScope()?.signal
    const signal = own && around && own !== around ? AbortSignal.any([own, around]) : own ?? around
    if (signal?.aborted) return Promise.reject(signal.reason as Error)
    const call = new LocalCall(task, args, signal, onProgress && telling(onProgress), isBounded)
    const executor = this.#rooms.ready(room)
    if (executor) executor.submit(call, call)
    else this.#rooms.get(room).then((opened) => opened.submit(call, call)).catch((error: unknown) => call.refused(error))
    return call.result
  }

  /** On the loop, whatever the task says: a call on a thread asks for that. */
  async #runForThread(ref: TaskRef, args: readonly unknown[], signal: AbortSignal): Promise<unknown> {
    const definition = this.#registry.has(ref.name) ? this.#registry.get(ref.name) : await this.#loader.load(ref)
    this.#registry.add(definition)
    return this.#run(definition, args, { signal }, 'beside the loop')
  }

  #known(task: unknown, where: string): TaskDefinition {
    const definition = definitionOf(task, where)
    if (definition !== this.#lastKnown) this.#registry.add(definition)
    return this.#lastKnown = definition
  }

  #itemsFor(place: Place): number {
    const { threads, loopConcurrency, blocking, processes } = this.#options
    return { loop: loopConcurrency, thread: threads * itemsEach, blocking, process: processes * itemsEach }[place]
  }
}

/** Counts what of these items is done, and tells of it. */
function countDone(items: Iterable<unknown> | AsyncIterable<unknown>, tell: ((progress: Progress) => void) | undefined): (more: number) => void {
  if (!tell) return () => {}
  const total = 'length' in items ? items.length : 'size' in items ? items.size : undefined
  let done = 0
  return (more) => {
    done += more
    if (more > 0) tell(typeof total === 'number' ? { done, total } : { done })
  }
}

/** What the listener throws ends up where that of an event listener does, and not in the call. */
function telling(onProgress: (progress: Progress) => void): (progress: Progress) => void {
  return (progress) => {
    try {
      onProgress(progress)
    } catch (error) {
      queueMicrotask(() => { throw error })
    }
  }
}
