import { availableParallelism } from 'node:os'
import { type Clock, systemClock } from '../kernel/clock.ts'
import { byteCount, count } from '../kernel/count.ts'
import { type Duration, milliseconds } from '../kernel/duration.ts'
import { type Logger, silentLogger } from '../kernel/logger.ts'
import { checkOptions } from '../kernel/options.ts'

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

const localOptions = { threads: true, loopConcurrency: true, blocking: true, processes: true, memoryLimit: true, child: true, recycle: true, maxQueue: true, maxQueueBytes: true, idleAfter: true, keepIdle: true, clock: true, log: true } as const
const childOptions = { cwd: true, env: true, execArgv: true } as const
const recycleOptions = { calls: true, heap: true, external: true } as const

/** @throws InvalidOptionError */
export function checkedOptions(options: LocalOptions): CheckedLocalOptions {
  const checked = checkOptions('local()', options, localOptions)
  const { threads = localDefaults.threads, loopConcurrency = localDefaults.loopConcurrency, blocking = localDefaults.blocking, processes = localDefaults.processes } = checked
  const { memoryLimit = localDefaults.memoryLimit, clock = localDefaults.clock, log = localDefaults.log } = checked
  const { maxQueue, maxQueueBytes = localDefaults.maxQueueBytes, idleAfter, keepIdle, child = localDefaults.child, recycle = localDefaults.recycle } = checked
  byteCount('memoryLimit', memoryLimit)
  byteCount('maxQueueBytes', maxQueueBytes)
  return {
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
  }
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
