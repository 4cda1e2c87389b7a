import type { CallPool } from '../executors/calls/call-pool.ts'
import type { Executor } from '../executors/executor.ts'
import type { ExecutorStatistics } from '../executors/statistics.ts'
import type { LoopExecutorOptions } from '../executors/loop/loop-executor.ts'
import type { ThreadExecutorOptions } from '../executors/threads/thread-executor.ts'
import { type Deadline, left, never } from '../kernel/deadline.ts'
import { ClosedError } from '../kernel/errors.ts'
import type { CloseOptions } from '../kernel/service.ts'
import type { Place } from '../tasks/task.ts'
import type { CheckedLocalOptions } from './local-options.ts'

/**
 * Which executor runs a call. What waits for other calls to go on must not take their places: a stream, which waits until its items are taken,
 * and what a call on a thread waits for.
 */
export type Room = Place | 'beside the loop' | 'threads of streams' | 'processes of streams'

/** Where what waits for other calls runs. */
export const besides: Readonly<Record<Place, Room>> = { loop: 'beside the loop', thread: 'threads of streams', blocking: 'threads of streams', process: 'processes of streams' }

/** What executors ask of whose they are. */
type Asks = Pick<LoopExecutorOptions, 'find'> & Required<Pick<ThreadExecutorOptions, 'hostCall' | 'streams'>>

/** The executors of one `local()`, each made when it is first needed. */
export class Rooms {
  readonly #options: CheckedLocalOptions
  readonly #asks: Asks
  readonly #executors = new Map<Room, Executor>()
  readonly #opening = new Map<Room, Promise<Executor>>()
  #closed = false

  constructor(options: CheckedLocalOptions, asks: Asks) {
    this.#options = options
    this.#asks = asks
  }

  /** The one that is there by now. */
  ready(room: Room): Executor | undefined {
    return this.#executors.get(room)
  }

  /** That of a place that has threads or child processes. @throws ClosedError */
  async pool(place: Exclude<Place, 'loop'>): Promise<CallPool> {
    return await this.get(place) as CallPool
  }

  /** @throws ClosedError */
  get(room: Room): Promise<Executor> {
    const opening = this.#opening.get(room)
    if (opening) return opening
    // Calls under way may still ask for what runs beside them.
    if (this.#closed && room !== 'beside the loop') return Promise.reject(new ClosedError('local()'))
    const opened = this.#open(room).then((executor) => {
      this.#executors.set(room, executor)
      return executor
    })
    this.#opening.set(room, opened)
    return opened
  }

  /** Of those that were opened. */
  get statistics(): Partial<Record<Room, ExecutorStatistics>> {
    return Object.fromEntries(Array.from(this.#executors, ([room, executor]) => [room, executor.statistics()]))
  }

  async close(deadline: Deadline): Promise<void> {
    this.#closed = true
    const rest = (): CloseOptions => deadline === never ? {} : { deadline: left(deadline, this.#options.clock.elapsed()) }
    // Calls that wait for their executor were made before: they are its first.
    await Promise.all(this.#opening.values())
    await Promise.all(Array.from(this.#executors, async ([room, executor]) => { if (room !== 'beside the loop') await executor.close(rest()) }))
    // Until then, calls on threads may ask for what runs there.
    await (await this.#opening.get('beside the loop'))?.close(rest())
  }

  /** Loaded when it is needed: every thread of a program imports `local()` along with its tasks. */
  async #open(room: Room): Promise<Executor> {
    const { threads, loopConcurrency, blocking, processes, memoryLimit, child, recycle, maxQueue, maxQueueBytes, idleAfter, keepIdle, clock, log } = this.#options
    const { find, ...asks } = this.#asks
    switch (room) {
      case 'loop':
      case 'beside the loop': {
        const { LoopExecutor } = await import('../executors/loop/loop-executor.ts')
        return new LoopExecutor({ find, concurrency: room === 'loop' ? loopConcurrency : Infinity, clock, log })
      }
      case 'thread':
      case 'blocking':
      case 'threads of streams': {
        const { ThreadExecutor } = await import('../executors/threads/thread-executor.ts')
        return new ThreadExecutor(room === 'thread'
          ? { threads, recycle, maxQueue, maxQueueBytes, idleAfter, keepIdle, ...asks, clock, log }
          : { place: 'blocking', threads: blocking, recycle, ...(room === 'blocking' ? { maxQueue, maxQueueBytes } : {}), name: room === 'blocking' ? 'treadle blocking' : 'treadle stream', ...asks, clock, log })
      }
      case 'process':
      case 'processes of streams': {
        const { ProcessExecutor } = await import('../executors/processes/process-executor.ts')
        return new ProcessExecutor(room === 'process' ? { processes, memoryLimit, ...child, recycle, maxQueue, maxQueueBytes, idleAfter, keepIdle, clock, log } : { processes: blocking, idleAfter: 5_000, memoryLimit, ...child, recycle, clock, log })
      }
    }
  }
}
