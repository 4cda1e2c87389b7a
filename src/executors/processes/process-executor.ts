import { availableParallelism } from 'node:os'
import { type Clock, systemClock } from '../../kernel/clock.ts'
import { ProcessExitedError, ProcessReplacedError, ProcessStartError, type TreadleError } from '../../kernel/errors.ts'
import { idMaker } from '../../kernel/id.ts'
import { type Logger, silentLogger } from '../../kernel/logger.ts'
import type { HostListener } from '../calls/call-host.ts'
import { CallPool } from '../calls/call-pool.ts'
import type { WearLimits } from '../calls/wear.ts'
import { inheritedFlags } from './inherited-flags.ts'
import { TaskProcess } from './task-process.ts'

export interface ProcessExecutorOptions {
  /** How many child processes at most; they start when there is work. Default: as many as cores. */
  processes?: number
  /** How long a call may take to end by itself once its signal aborted, in milliseconds; then its process is killed. Default: 500. */
  grace?: number
  /**
   * How many bytes of memory a child may hold, all told: its heap, its buffers, and some 60 MB for Node itself. One that holds more
   * is replaced after its call; one that holds half as much again is killed, and its call with it. Default: no limit.
   */
  memoryLimit?: number
  /** Flags of Node for the children. Default: this process's own, but for a debugger's. */
  execArgv?: readonly string[]
  /** Their environment. Default: this process's own. */
  env?: NodeJS.ProcessEnv
  /** The folder that they run in. Default: this process's own. */
  cwd?: string
  /** After what a child is replaced, beside its `memoryLimit`. Default: never. */
  recycle?: Omit<WearLimits, 'rss'>
  /** Whether what children print is dropped. Default: false; it goes where this process's own output goes. */
  silent?: boolean
  /** How long a child may idle before it is ended, in milliseconds. Default: as long as the executor is open. */
  idleAfter?: number
  /** So many children stay though they idle. Default: 0. */
  keepIdle?: number
  /** So many calls wait at most; more are handed back. Default: no limit. */
  maxQueue?: number
  /** About so many bytes of arguments of calls wait at most. Default: no limit. */
  maxQueueBytes?: number
  clock?: Clock
  log?: Logger
}

/**
 * Runs calls in child processes, one at a time in each. Arguments and results are copied.
 *
 * Whatever a call does, only it is lost, also where it crashes in native code. A child ends with this process, however that ends
 * and however busy the child is. Children start when there is work, and do not keep the program alive while they idle.
 *
 * @example
 * await using processes = new ProcessExecutor({ processes: 2, memoryLimit: 512 * 2 ** 20 })
 * const outcome = await processes.execute({ task: definitionOf(area, 'the example'), input: { args: [2, 3] }, timeout: Infinity })
 * outcome.kind   // 'returned'
 */
export class ProcessExecutor extends CallPool {
  readonly #options: ProcessExecutorOptions
  readonly #log: Logger
  readonly #nextId: () => string

  constructor(options: ProcessExecutorOptions = {}) {
    const { processes = availableParallelism(), grace = 500, idleAfter = Infinity, keepIdle = 0, maxQueue = Infinity, maxQueueBytes = Infinity, clock = systemClock, log = silentLogger } = options
    super({ place: 'process', kind: 'process', hosts: processes, perHost: 1, sendsAhead: true, grace, idleAfter, keepIdle, maxQueue, maxQueueBytes, clock, log })
    this.#options = options
    this.#log = log
    this.#nextId = idMaker(clock)
  }

  protected startHost(listener: HostListener): TaskProcess {
    const { execArgv = inheritedFlags(process.execArgv), env = process.env, cwd, silent = false, memoryLimit = Infinity, recycle = {}, log } = this.#options
    return new TaskProcess({ name: this.#nextId(), execArgv, env, cwd, silent, memoryLimit, recycle, logs: log !== undefined, log: this.#log }, listener)
  }

  protected exitedError(what: string, how: string, cause: unknown): TreadleError {
    return new ProcessExitedError(what, how, { cause })
  }

  protected startError(what: string, how: string, cause: unknown): TreadleError {
    return new ProcessStartError(what, how, { cause })
  }

  protected replacedError(what: string, why: string): TreadleError {
    return new ProcessReplacedError(what, why)
  }
}
