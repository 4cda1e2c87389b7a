import { type Clock, systemClock } from '../kernel/clock.ts'
import { InvalidOptionError, MissingPackageError, UnknownBackendError } from '../kernel/errors.ts'
import { type Logger, silentLogger } from '../kernel/logger.ts'
import { checkOptions } from '../kernel/options.ts'
import type { Backend } from './backend.ts'
import { redisParts, sqliteParts, withoutPassword } from './urls.ts'
import './sqlite/entry.ts'

export interface OpenOptions {
  /** Default: the machine's clock. */
  readonly clock?: Clock
  /** Default: silent. */
  readonly log?: Logger
  /** Work that blocks is done in a thread of its own, where the backend would otherwise do it in this one; on the machine's clock. Default: false. */
  readonly threaded?: boolean
  /** What all keys begin with, where applications share a server. The URL's own word counts more. Default: `'treadle'`. */
  readonly prefix?: string
  /** What a job survives once it is acknowledged, where the backend lets one choose. The URL's own word counts more. Default: `'process'`. */
  readonly durability?: 'process' | 'disk'
}

const forms = ['memory:', 'sqlite:app.db', 'sqlite:/data/app.db?durability=disk', 'redis://localhost:6379', 'rediss://user:password@host/0?prefix=shop', 'valkey://localhost:6379']

/**
 * Opens the backend that a URL names. Loads only that one's code. `connect` and `startWorker` take the URL too; a backend that is handed to
 * both of them is shared, which `memory:` needs: each opening of it is a store of its own.
 *
 * @example
 * const backend = await openBackend('memory:')
 * await using queue = await connect(backend, { tasks })
 * await using worker = await startWorker(backend, { tasks })
 * await (await queue.enqueue(area, 2, 3)).result()   // 6
 *
 * @throws UnknownBackendError, InvalidOptionError, BackendError
 */
export async function openBackend(url: string, options: OpenOptions = {}): Promise<Backend> {
  const { clock = systemClock, log = silentLogger } = checkOptions('openBackend()', options, { clock: true, log: true, threaded: true, prefix: true, durability: true })
  const [, scheme, rest] = /^([a-z][a-z0-9+.-]*):(.*)$/is.exec(url) ?? []
  const kind = scheme?.toLowerCase()
  if (options.prefix !== undefined && (kind === 'sqlite' || kind === 'memory')) throw new InvalidOptionError('prefix', options.prefix, `not given with ${kind}: it is for servers that applications share; give each a file of its own`)
  switch (kind) {
    case 'memory': {
      const { memory } = await import('./memory/memory-backend.ts')
      return memory({ clock })
    }
    case 'sqlite': {
      const { path, durability = options.durability ?? 'process' } = sqliteParts(rest!)
      if (options.threaded) {
        const { threadedSqlite } = await import('./sqlite/threaded-sqlite.ts')
        return threadedSqlite(path, { log, durability })
      }
      const { sqlite } = await import('./sqlite/sqlite-backend.ts')
      return sqlite(path, { clock, log, durability })
    }
    case 'redis':
    case 'rediss':
    case 'valkey':
    case 'valkeys': {
      const { server, prefix = options.prefix } = redisParts(url)
      const { redis } = await import('./redis/redis-backend.ts').catch((error: unknown) => {
        throw (error as { code?: unknown }).code === 'ERR_MODULE_NOT_FOUND' ? new MissingPackageError('A redis: URL', '@redis/client') : error
      })
      return redis(server, { clock, log, ...(prefix === undefined ? {} : { prefix }) })
    }
    default:
      throw new UnknownBackendError(withoutPassword(url), forms)
  }
}

/**
 * @param what was given it, for the error
 * @throws InvalidOptionError where it is neither a URL nor a backend
 */
export function checkWhere(where: string | Backend, what: string): void {
  const isBackend = typeof where === 'object' && where !== null && (['publish', 'reserve', 'settle', 'read', 'watch', 'share', 'close'] as const).every((method) => typeof where[method] === 'function')
  if (typeof where !== 'string' && !isBackend) throw new InvalidOptionError(what, where, "a URL, such as 'sqlite:app.db', or a backend that is open")
}

/** @throws InvalidOptionError where it is no name, or the backend is open already */
export function checkPrefix(prefix: unknown, where: string | Backend): void {
  if (prefix === undefined) return
  if (typeof prefix !== 'string' || prefix === '') throw new InvalidOptionError('prefix', prefix, "a name, such as 'shop'")
  if (typeof where !== 'string') throw new InvalidOptionError('prefix', prefix, 'given where the backend is opened: this one is open already')
}
