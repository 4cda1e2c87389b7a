import type { Progress } from '../executors/executor.ts'
import type { ExecutorStatistics } from '../executors/statistics.ts'
import type { CloseOptions } from '../kernel/service.ts'
import type { AnyTask, Task } from '../tasks/task.ts'
import type { MapResults } from './map-results.ts'
import type { Operation } from './operation.ts'
import type { Pipeline } from './pipeline.ts'
import type { Room } from './rooms.ts'

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
