import { availableParallelism } from 'node:os'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Backend } from '../backends/backend.ts'
import { type PayloadsOption, openPayloads } from '../backends/payloads/open-payloads.ts'
import { checkPrefix, checkWhere, openBackend } from '../backends/registry.ts'
import type { ResizableExecutor } from '../executors/executor.ts'
import type { FinalState } from '../jobs/states.ts'
import { type Clock, systemClock } from '../kernel/clock.ts'
import { type ByteSize, byteSize } from '../kernel/byte-size.ts'
import { byteCount, count } from '../kernel/count.ts'
import { type Duration, milliseconds, waitable } from '../kernel/duration.ts'
import { InvalidOptionError } from '../kernel/errors.ts'
import { checkOptions } from '../kernel/options.ts'
import { type Logger, harmless, silentLogger } from '../kernel/logger.ts'
import { refuseNestedStart } from '../tasks/own-thread.ts'
import { TaskRegistry, type Tasks } from '../tasks/registry.ts'
import { checkQueueName } from '../tasks/call-options.ts'
import type { Place, TaskRef } from '../tasks/task.ts'
import { type PoolSize, poolSize } from '../kernel/pool-size.ts'
import type { Keeping } from './maintenance/job-pruner.ts'
import type { Worker } from './worker.ts'
import '../executors/entries.ts'

export interface WorkerOptions {
  /** What it runs: the tasks themselves, or the paths or URLs of the modules that export them. */
  tasks: Tasks | string | URL | readonly (string | URL)[]
  /**
   * The queues that it serves: a list, of which the highest priority comes first and then the oldest job, whatever its queue; or each with a weight, more than 0: with
   * `{ urgent: 6, bulk: 1 }` it looks into the first six times as often before the other. None waits while the others are empty. Default: `['default']`.
   */
  queues?: readonly string[] | Readonly<Record<string, number>>
  /** How many calls that compute run at once, each on a thread. With `{ min, max }` threads come and go with the work. Default: as many as cores. */
  threads?: number | PoolSize
  /** How many calls that wait run at once, on one event loop of their own. Default: 100. */
  loopConcurrency?: number
  /** How many calls that block while they wait run at once, each on a thread that comes with it and ends when idle for 5 s. Default: 64. */
  blocking?: number
  /** How many calls run at once in child processes, one in each. With `{ min, max }` they come and go with the work. Default: as many as cores. */
  processes?: number | PoolSize
  /** How many bytes of memory a child process may hold, all told: beyond it, it is replaced. Default: no limit. */
  memoryLimit?: number
  /** How long the worker may be silent before its jobs go to others. Default: `'5s'`. */
  lease?: Duration
  /** How long a loop may stand still before its thread is replaced. Default: `'30s'`. */
  stallLimit?: Duration
  /** How long all threads, or the whole loop, may be busy without one call ending, until `health()` is no longer ready. Default: `'1m'`. */
  busyLimit?: Duration
  /** Where large arguments are kept, and results over 1 MiB go: as for `connect`. Default: nowhere; a job whose arguments are kept there is then left to others. */
  payloads?: PayloadsOption
  /**
   * Whether it obeys remote control: see `Client.control`. Whoever can write to the backend can then ask what it does, pause it and shut it down.
   * Default: false; then it does not answer either.
   */
  control?: boolean
  /** How long jobs are kept that have ended, by state, and how many and how many bytes of all together; others are removed about once a minute. Default: all, for ever. */
  keep?: KeepOptions
  /** What all keys begin with, where applications share a server: as for `connect`. Default: `'treadle'`. */
  prefix?: string
  /** Whether it fires schedules, of all queues; any number of workers may. Default: true. */
  schedules?: boolean
  clock?: Clock
  log?: Logger
}

const workerOptions = {
  tasks: true, queues: true, threads: true, loopConcurrency: true, blocking: true, processes: true, memoryLimit: true, lease: true, stallLimit: true, busyLimit: true,
  payloads: true, control: true, schedules: true, keep: true, prefix: true, clock: true, log: true
} as const

/**
 * Starts a worker in this process: it runs jobs until it is closed. `treadle worker` does this in a process of its own.
 *
 * Tasks run on threads and in child processes, never on the caller's loop.
 *
 * @param where a URL such as `sqlite:app.db`, or a backend that is open already
 * @throws UnknownBackendError, BackendError, TaskModuleError, DuplicateTaskError, InvalidOptionError, NestedStartError
 *
 * @example
 * await using worker = await startWorker('sqlite:app.db', { tasks: './tasks.ts' })
 */
export async function startWorker(where: string | Backend, options: WorkerOptions): Promise<Worker> {
  refuseNestedStart('startWorker()')
  const { queues = ['default'], loopConcurrency = 100, blocking = 64, memoryLimit = Infinity, control = false, schedules = true, clock = systemClock } = checkOptions('startWorker()', options, workerOptions)
  checkWhere(where, 'startWorker()')
  const weights = checkQueues(queues)
  const keeping = options.keep === undefined ? undefined : checkKeep(options.keep)
  checkPrefix(options.prefix, where)
  if (typeof schedules !== 'boolean') throw new InvalidOptionError('schedules', schedules, 'true or false')
  const log = harmless(options.log ?? silentLogger)
  const lease = milliseconds(options.lease ?? '5s', 'lease')
  if (lease < 100) throw new InvalidOptionError('lease', options.lease, 'at least 100 ms')
  byteCount('memoryLimit', memoryLimit)
  const threads = poolSize('threads', options.threads, availableParallelism())
  const processes = poolSize('processes', options.processes, availableParallelism())
  if (typeof control !== 'boolean') throw new InvalidOptionError('control', control, 'true or false')
  const stallLimit = milliseconds(options.stallLimit ?? '30s', 'stallLimit')
  // Loaded when it is needed: every thread of a program imports this module along with its tasks.
  const [{ ThreadExecutor }, { ProcessExecutor }, { Worker }, { idMaker }] = await Promise.all([
    import('../executors/threads/thread-executor.ts'), import('../executors/processes/process-executor.ts'), import('./worker.ts'), import('../kernel/id.ts')
  ])
  const busyLimit = milliseconds(options.busyLimit ?? '1m', 'busyLimit')
  const loop = new ThreadExecutor({ place: 'loop', threads: 1, concurrency: count('loopConcurrency', loopConcurrency), stallLimit, clock, log })
  const executors = new Map<Place, ResizableExecutor>([
    ['loop', loop],
    ['thread', new ThreadExecutor({ threads: threads.most, keepIdle: threads.keepIdle, idleAfter: threads.idleAfter, clock, log })],
    ['blocking', new ThreadExecutor({ place: 'blocking', threads: count('blocking', blocking), name: 'treadle blocking', clock, log })],
    ['process', new ProcessExecutor({ processes: processes.most, keepIdle: processes.keepIdle, idleAfter: processes.idleAfter, memoryLimit, clock, log })]
  ])
  const owned = typeof where === 'string'
  try {
    const manifests = await loop.describeTasks(asked(options.tasks))
    const tasks = new Map(manifests.flatMap((manifest) => [manifest.name, ...manifest.aliases].map((name) => [name, manifest] as const)))
    const payloads = await openPayloads(options.payloads)
    const backend = owned ? await openBackend(where, { clock, log, threaded: false, ...(options.prefix === undefined ? {} : { prefix: options.prefix }) }) : where
    const id = idMaker(clock)()
    return await new Worker({
      id, backend, owned, queues: [...weights.keys()], ...(Array.isArray(queues) ? {} : { weights }), ...(keeping ? { keeping } : {}), lease, busyLimit, executors, tasks, payloads,
      control, schedules, clock, log
    }).start()
  } catch (error) {
    await Promise.all(Array.from(executors.values(), (executor) => executor.close({ deadline: 0 })))
    throw error
  }
}

/**
 * How long jobs are kept that have ended, from their end on, by how they ended, and how many and how much of them. What is absent is kept for ever.
 *
 * @example
 * await using worker = await startWorker(backend, { tasks, keep: { succeeded: '7d', cancelled: '1d', count: 100_000, bytes: '2gb' } })
 */
export type KeepOptions = Readonly<Partial<Record<FinalState, Duration>>> & {
  /** How many, of all queues and states together, 1 or more: what was enqueued first goes first. Default: any number. */
  readonly count?: number
  /**
   * How much they may hold, of all queues and states together: a number of bytes, or `'500mb'`. Counted are arguments, results and errors, also those in `payloads`; not counted is what else is
   * kept of a job, such as its history, its log and its progress, nor what the backend itself takes for each. What ended first
   * goes first, and about a hundredth more than need be, or what ended in the same millisecond; a job that alone is larger is removed as well. To find out, all that has ended is looked at: of
   * several workers one does, about once a minute. Default: any size.
   */
  readonly bytes?: ByteSize
}

function checkKeep(keep: KeepOptions): Keeping {
  const { count: most, bytes, ...ages } = checkOptions('keep', keep, { succeeded: true, failed: true, cancelled: true, dead: true, count: true, bytes: true })
  if (most !== undefined) count('keep.count', most)
  return {
    count: most ?? Infinity,
    bytes: bytes === undefined ? Infinity : byteSize(bytes, 'keep.bytes'),
    ages: Object.fromEntries(Object.entries(ages).map(([state, age]) => [state, waitable(milliseconds(age, `keep.${state}`), `keep.${state}`)]))
  }
}

/** The queues with their weights; 1 where none were given. */
function checkQueues(queues: NonNullable<WorkerOptions['queues']>): ReadonlyMap<string, number> {
  const weights = new Map(Array.isArray(queues) ? queues.map((queue: string) => [queue, 1] as const) : Object.entries(queues ?? {}))
  if (typeof queues === 'string' || weights.size === 0) throw new InvalidOptionError('queues', queues, 'a list of at least one queue, or an object with the weight of each')
  for (const [queue, weight] of weights) {
    checkQueueName(queue)
    if (typeof weight !== 'number' || !(weight > 0 && weight < Infinity)) throw new InvalidOptionError(`queues.${queue}`, weight, 'a weight, more than 0')
  }
  return weights
}

/** Whoever names tasks allows those, not all that their modules export. */
function asked(tasks: WorkerOptions['tasks']): readonly (string | TaskRef)[] {
  if (typeof tasks === 'string' || tasks instanceof URL) return [moduleUrl(tasks)]
  return isModules(tasks) ? tasks.map(moduleUrl) : [...new TaskRegistry(tasks)]
}

function isModules(tasks: WorkerOptions['tasks']): tasks is readonly (string | URL)[] {
  return Array.isArray(tasks) && tasks.length > 0 && tasks.every((entry) => typeof entry === 'string' || entry instanceof URL)
}

function moduleUrl(module: string | URL): string {
  return module instanceof URL || /^(file|data):/.test(module) ? String(module) : pathToFileURL(resolve(module)).href
}
