import { availableParallelism } from 'node:os'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Backend } from '../backends/backend.ts'
import { openBackend } from '../backends/registry.ts'
import type { Executor } from '../executors/executor.ts'
import { ThreadExecutor } from '../executors/threads/thread-executor.ts'
import { type Clock, systemClock } from '../kernel/clock.ts'
import { type Duration, milliseconds } from '../kernel/duration.ts'
import { InvalidOptionError } from '../kernel/errors.ts'
import { idMaker } from '../kernel/id.ts'
import { type Logger, silentLogger } from '../kernel/logger.ts'
import { refuseNestedStart } from '../tasks/loader.ts'
import { TaskRegistry, type Tasks } from '../tasks/registry.ts'
import type { Place } from '../tasks/task.ts'
import { Worker } from './worker.ts'

export interface WorkerOptions {
  /** What it runs: the tasks themselves, or the paths or URLs of the modules that export them. */
  tasks: Tasks | string | URL | readonly (string | URL)[]
  /** The queues that it serves. Default: `['default']`. */
  queues?: readonly string[]
  /** How many calls that compute run at once, each on a thread. Default: as many as cores. */
  threads?: number
  /** How many calls that wait run at once, on one event loop of their own. Default: 100. */
  loopConcurrency?: number
  /** How long the worker may be silent before its jobs go to others. Default: `'5s'`. */
  lease?: Duration
  /** How long a loop may stand still before its thread is replaced. Default: `'30s'`. */
  stallLimit?: Duration
  /** How long all threads, or the whole loop, may be busy without one call ending, until `health()` is no longer ready. Default: `'1m'`. */
  busyLimit?: Duration
  clock?: Clock
  log?: Logger
}

/**
 * Starts a worker in this process: it runs jobs until it is closed. `treadle worker` does this in a process of its own.
 *
 * Tasks run on threads, never on the caller's loop.
 *
 * @param where a URL such as `sqlite:app.db`, or a backend that is open already
 * @throws UnknownBackendError, BackendError, TaskModuleError, DuplicateTaskError, InvalidOptionError, NestedStartError
 *
 * @example
 * await using worker = await startWorker('sqlite:app.db', { tasks: './tasks.ts' })
 */
export async function startWorker(where: string | Backend, options: WorkerOptions): Promise<Worker> {
  refuseNestedStart('startWorker()')
  const { queues = ['default'], threads = availableParallelism(), loopConcurrency = 100, clock = systemClock, log = silentLogger } = options
  const lease = milliseconds(options.lease ?? '5s', 'lease')
  if (lease < 100) throw new InvalidOptionError('lease', options.lease, 'at least 100 ms')
  const stallLimit = milliseconds(options.stallLimit ?? '30s', 'stallLimit')
  const busyLimit = milliseconds(options.busyLimit ?? '1m', 'busyLimit')
  const loop = new ThreadExecutor({ place: 'loop', threads: 1, concurrency: count('loopConcurrency', loopConcurrency), stallLimit, clock, log })
  const thread = new ThreadExecutor({ place: 'thread', threads: count('threads', threads), concurrency: 1, clock, log })
  const executors = new Map<Place, Executor>([['loop', loop], ['thread', thread]])
  const owned = typeof where === 'string'
  try {
    const manifests = await loop.describeTasks(modulesOf(options.tasks))
    const tasks = new Map(manifests.map((manifest) => [manifest.name, manifest]))
    const backend = owned ? await openBackend(where, { clock, log, threaded: false }) : where
    const id = idMaker(clock)()
    return await new Worker({ id, backend, owned, queues, lease, busyLimit, executors, tasks, clock, log }).start()
  } catch (error) {
    await Promise.all([loop.close({ deadline: 0 }), thread.close({ deadline: 0 })])
    throw error
  }
}

function count(name: string, value: number): number {
  if (!Number.isInteger(value) || value < 1) throw new InvalidOptionError(name, value, 'a whole number, 1 or more')
  return value
}

function modulesOf(tasks: WorkerOptions['tasks']): string[] {
  if (typeof tasks === 'string' || tasks instanceof URL) return [moduleUrl(tasks)]
  if (Array.isArray(tasks) && tasks.every((entry) => typeof entry === 'string' || entry instanceof URL)) return tasks.map(moduleUrl)
  const modules = new Set<string>()
  for (const { source } of new TaskRegistry(tasks as Tasks)) if (source.modules[0]) modules.add(source.modules[0])
  return [...modules]
}

function moduleUrl(module: string | URL): string {
  return module instanceof URL || /^(file|data):/.test(module) ? String(module) : pathToFileURL(resolve(module)).href
}
