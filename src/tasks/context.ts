import { AsyncLocalStorage } from 'node:async_hooks'
import { type Logger, silentLogger } from '../kernel/logger.ts'

/** What a running call can know of itself. */
export interface TaskContext {
  /** The task's name; empty where the function was called directly. */
  readonly task: string
  /** The job that this call is an attempt at; undefined for `run` and `map`. */
  readonly job: string | undefined
  /** 1 for the first attempt. */
  readonly attempt: number
  /**
   * Rises with every delivery of the job: of two that run at once, the one with the lower token has lost its lease.
   * A store of your own may use it to refuse the late one's writes. 0 where there is no job.
   */
  readonly token: number
  /** Aborts when the call is cancelled or its time is up. */
  readonly signal: AbortSignal
  /** When the time is up, in milliseconds since the epoch of this machine's clock; `Infinity` without a timeout. */
  readonly deadline: number
  readonly log: Logger
}

const running = new AsyncLocalStorage<TaskContext>()

const outside: TaskContext = {
  task: '',
  job: undefined,
  attempt: 1,
  token: 0,
  signal: new AbortController().signal,
  deadline: Infinity,
  log: silentLogger
}

/**
 * The context of the call that is running. In a function that is called directly, as a unit test does, one that never aborts.
 *
 * @example
 * export const fetchText = task({ name: 'fetchText' }, async (url: string) =>
 *   (await fetch(url, { signal: context().signal })).text())
 */
export function context(): TaskContext {
  return running.getStore() ?? outside
}

export function runInContext<T>(own: TaskContext, fn: () => T): T {
  return running.run(own, fn)
}

/** Whether this code runs inside a call. */
export function inCall(): boolean {
  return running.getStore() !== undefined
}
