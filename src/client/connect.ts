import type { Backend } from '../backends/backend.ts'
import { type PayloadsOption, openPayloads } from '../backends/payloads/open-payloads.ts'
import { checkPrefix, checkWhere, openBackend } from '../backends/registry.ts'
import { type Clock, systemClock } from '../kernel/clock.ts'
import { type Logger, silentLogger } from '../kernel/logger.ts'
import { byteCount } from '../kernel/count.ts'
import { checkOptions } from '../kernel/options.ts'
import { type Middleware, checkMiddleware } from '../tasks/middleware.ts'
import { refuseNestedStart } from '../tasks/own-thread.ts'
import { TaskRegistry, type Tasks } from '../tasks/registry.ts'
import type { Client } from './client.ts'
import { type Routes, checkRoutes } from './routes.ts'

export interface ConnectOptions {
  /** The tasks that may be enqueued: `import * as tasks from './tasks.ts'`, an object, or an array. */
  tasks?: Tasks
  /** What is done around every `enqueue` of this client, outside of what the tasks themselves say; see `Middleware`. */
  middleware?: readonly Middleware[]
  /** The largest payload of a message, in bytes: what is larger goes to `payloads`, or is refused where there are none. Default: 1 MiB. */
  payloadLimit?: number
  /**
   * Where large arguments and results are kept: a folder, by its path or `file:` URL, that clients and workers share, or an open store of
   * your own. `purge` removes what is kept of a job. Default: nowhere.
   */
  payloads?: PayloadsOption
  /** What all keys begin with, where applications share a server: as `?prefix=` in its URL. Default: `'treadle'`. */
  prefix?: string
  /** The queues of tasks that name none: by the task's name, in which a `*` stands for any characters; the first that fits counts. Default: `'default'` for all. */
  routes?: Routes
  clock?: Clock
  log?: Logger
}

const mebibyte = 2 ** 20
const connectOptions = { tasks: true, middleware: true, payloadLimit: true, payloads: true, prefix: true, routes: true, clock: true, log: true } as const

/**
 * Connects to the backend at a URL: `sqlite:app.db`, or `memory:` for one process.
 *
 * SQLite works in a thread of its own, so that a locked or slow file never holds up the caller's loop.
 *
 * @param where a URL, or a backend that is open already (and then stays open when the client closes)
 * @throws UnknownBackendError, BackendError, DuplicateTaskError, NestedStartError, InvalidOptionError
 *
 * @example
 * await using queue = await connect('sqlite:app.db', { tasks })
 * await using worker = await startWorker('sqlite:app.db', { tasks })   // or, in another process: treadle worker
 * const job = await queue.enqueue(area, 2, 3)
 * await job.result()   // 6
 */
export async function connect(where: string | Backend, options: ConnectOptions = {}): Promise<Client> {
  refuseNestedStart('connect()')
  const { clock = systemClock, log = silentLogger, payloadLimit = mebibyte, middleware = [] } = checkOptions('connect()', options, connectOptions)
  checkWhere(where, 'connect()')
  checkMiddleware(middleware)
  byteCount('payloadLimit', payloadLimit)
  const routes = options.routes === undefined ? [] : checkRoutes(options.routes)
  checkPrefix(options.prefix, where)
  const registry = new TaskRegistry(options.tasks)
  // Loaded when it is needed: every thread of a program imports this module along with its tasks.
  const { Client } = await import('./client.ts')
  const payloads = await openPayloads(options.payloads)
  const owned = typeof where === 'string'
  const backend = owned ? await openBackend(where, { clock, log, threaded: true, ...(options.prefix === undefined ? {} : { prefix: options.prefix }) }) : where
  return new Client({ backend, owned, registry, routes, middleware, payloadLimit, payloads, clock }).start()
}
