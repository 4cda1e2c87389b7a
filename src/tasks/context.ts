import { AsyncLocalStorage } from 'node:async_hooks'
import { sharedByCopies } from '../kernel/shared-by-copies.ts'
import { type Logger, silentLogger } from '../kernel/logger.ts'
import { progressOf } from './progress.ts'

/** What a running call can know of itself. */
export interface TaskContext {
  /** The task's name; empty where the function was called directly. */
  readonly task: string
  /** The version of the task that the call was made for: the task's own, or an older one, if the job waited through a release. */
  readonly version: number
  /** The job that this call is an attempt at; undefined for `run` and `map`. */
  readonly job: string | undefined
  /** 1 for the first attempt. */
  readonly attempt: number
  /**
   * Rises with every delivery of the job: of two that run at once, the one with the lower token has lost its lease.
   * A store of your own may use it to refuse the late one's writes. 0 where there is no job.
   */
  readonly token: number
  /** How the job ended whose `link` or `linkError` led to this one; undefined for others. */
  readonly parent: ParentOutcome | undefined
  /** Aborts when the call is cancelled, or its time or soft time is up. */
  readonly signal: AbortSignal
  /** When the time is up, in milliseconds since the epoch of this machine's clock; `Infinity` without a timeout. */
  readonly deadline: number
  /** Lines go to the logger of whoever runs the call, and to the job. The first 1,000 of a call: the rest is dropped, and counted. */
  readonly log: Logger
  /**
   * Says how far the call has come. Cheap enough for an inner loop: the latest counts, and it is passed on every 50 ms at most.
   *
   * @param done in units of the task's own
   * @param total what there is to do, where that is known
   * @param note for people; cut after 1,000 characters
   * @throws InvalidOptionError where an amount is not finite or below 0
   *
   * @example
   * export const copyAll = task({ name: 'copyAll' }, (files: string[]) => {
   *   for (const [index, file] of files.entries()) context().progress(index, files.length, file)
   * })
   */
  readonly progress: (done: number, total?: number, note?: string) => void
}

/** How another job ended. */
export interface ParentOutcome {
  readonly job: string
  readonly state: 'succeeded' | 'failed' | 'dead'
  /** What its task returned, where it succeeded. */
  readonly result: unknown
  /** Why it failed, or is dead, as its handle's `result()` would throw it; undefined where it succeeded. */
  readonly error: unknown
}

/** The context as it is made by whoever runs the call. */
export interface OwnContext extends TaskContext {
  /** What was opened of a resource, where the call's task has it. */
  opened?(resource: object): { readonly value: unknown } | undefined
  /** Jobs like this one are not to be started for so many milliseconds. */
  hold?(what: 'task' | 'key' | 'queue', ms: number): void
}

const running = sharedByCopies('running.1', () => new AsyncLocalStorage<OwnContext>())

const outside: TaskContext = {
  task: '',
  version: 1,
  job: undefined,
  attempt: 1,
  token: 0,
  parent: undefined,
  signal: new AbortController().signal,
  deadline: Infinity,
  log: silentLogger,
  progress: (done, total, note) => void progressOf(done, total, note)
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

export function runInContext<T>(own: OwnContext, fn: () => T): T {
  return running.run(own, fn)
}

/** For what a call begins and that is not its own. It may do what a call may. */
export function runOutside<T>(fn: () => T): T {
  return running.run(outside, fn)
}

export function openedHere(resource: object): { readonly value: unknown } | undefined {
  return running.getStore()?.opened?.(resource)
}

export function holdFromHere(what: 'task' | 'key' | 'queue', ms: number): void {
  running.getStore()?.hold?.(what, ms)
}

/** Whether this code runs inside a call. */
export function inCall(): boolean {
  return running.getStore() !== undefined
}
