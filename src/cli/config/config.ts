import type { ByteSize } from '../../kernel/byte-size.ts'
import type { Duration } from '../../kernel/duration.ts'
import type { LogLevel } from '../../kernel/logger.ts'
import type { PoolSize } from '../../kernel/pool-size.ts'

/** What `treadle.config.ts` may say. Flags count more than the environment, and that more than the file. */
export interface Config {
  /** Where the jobs are kept. A relative path in it is relative to the file. Default: `'sqlite:treadle.db'` in the working directory. */
  broker?: string
  /** The folder where arguments and results over 1 MiB are kept, relative to the file: the same for all who share the broker. Default: none; larger ones are refused. */
  payloads?: string
  /** The modules that export tasks, relative to the file. */
  tasks?: string | readonly string[]
  /** The queues that a worker serves, or each with its weight; see `WorkerOptions.queues`. Default: `['default']`. */
  queues?: readonly string[] | Readonly<Record<string, number>>
  /** How many calls that compute run at once; with `{ min, max }` threads come and go with the work. Default: as many as cores. */
  threads?: number | PoolSize
  /** How many calls that wait run at once. Default: 100. */
  loopConcurrency?: number
  /** How many calls that block while they wait run at once. Default: 64. */
  blocking?: number
  /** How many calls run at once in child processes; with `{ min, max }` they come and go with the work. Default: as many as cores. */
  processes?: number | PoolSize
  /** How many bytes of memory a child process may hold. Default: no limit. */
  memoryLimit?: number
  /** Whether a worker obeys remote control: whoever can write to the broker can then pause it, or shut it down. Default: false. */
  control?: boolean
  /** How long a worker may be silent before its jobs go to others. Default: `'5s'`. */
  lease?: Duration
  /** How long jobs under way may take to end after a signal. Default: `'30s'`. */
  drain?: Duration
  /** How long jobs are kept that succeeded or were cancelled, by any worker; see `WorkerOptions.keep`. Default: for ever. */
  keep?: Duration
  /** How many bytes jobs that have ended may hold, or `'500mb'`; see `KeepOptions`. Default: any size. */
  keepBytes?: ByteSize
  /** Whether a worker fires schedules. Default: `'on'`. */
  schedules?: 'on' | 'off'
  /** Where a worker answers `GET /health` and `GET /metrics`. */
  health?: {
    /** Default: nowhere. */
    port?: number
    /** Default: `'127.0.0.1'`. */
    host?: string
  }
  /** What is logged, at least. Default: `'info'`. */
  logLevel?: LogLevel
}

/**
 * The default export of `treadle.config.ts`: the `treadle` command reads it from the working directory or the nearest folder above.
 *
 * @example
 * export default defineConfig({ broker: 'sqlite:app.db', tasks: './tasks.ts', threads: 2 })
 */
export function defineConfig(config: Config): Config {
  return config
}
