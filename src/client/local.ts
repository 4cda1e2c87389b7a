import { currentScope, currentSignal } from '../concurrency/cancel-scope.ts'
import { checkItems } from '../concurrency/map-calls.ts'
import { map, mapUnordered } from '../concurrency/map.ts'
import type { Call, Outcome, Progress } from '../executors/executor.ts'
import { count } from '../kernel/count.ts'
import { after, never } from '../kernel/deadline.ts'
import { milliseconds } from '../kernel/duration.ts'
import { checkOptions, checkSignal } from '../kernel/options.ts'
import type { CloseOptions } from '../kernel/service.ts'
import { TaskLoader } from '../tasks/loader.ts'
import { refuseNestedStart } from '../tasks/own-thread.ts'
import { TaskRegistry } from '../tasks/registry.ts'
import { type AnyTask, type Place, type Task, type TaskDefinition, type TaskRef, definitionOf } from '../tasks/task.ts'
import { takeMoved } from '../wire/moving.ts'
import { copying, cloning } from '../wire/uncloneable.ts'
import { ChunkedMap } from './chunked-map.ts'
import { LocalCall, resultOf } from './local-call.ts'
import { type CheckedLocalOptions, type LocalOptions, checkedOptions } from './local-options.ts'
import { type MapResults, manyAtOnce, oneByOne } from './map-results.ts'
import { Operation } from './operation.ts'
import { Pipeline } from './pipeline.ts'
import { type Room, Rooms, besides } from './rooms.ts'
import type { Local, LocalStatistics, MapOptions, Runner, RunnerOptions } from './runner.ts'
import { mapItems, mapTask } from '../executors/calls/map-items.ts'
import { streamItems, streamTask } from '../executors/calls/stream-items.ts'
import { Streams } from '../executors/calls/streams.ts'
import '../executors/entries.ts'

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
  return new LocalRunner(checkedOptions(options))
}

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
