import { InvalidOptionError, JobNotKeptError, NextCalledTwiceError } from '../kernel/errors.ts'
import type { CallRules } from './call-options.ts'

/** A call as middleware sees it. It may be read; what is changed in it changes nothing. */
export interface CallInfo {
  readonly task: string
  readonly args: readonly unknown[]
}

/** A call that is about to be kept as a job. */
export interface EnqueueInfo extends CallInfo {
  /** The job's id, once it is kept. */
  readonly job: string
  /** Its options, checked, in milliseconds. */
  readonly rules: CallRules
}

/**
 * What is done around calls: around keeping them, around running them, or both.
 *
 * Each is given `next`, which does the rest; the first of a list is outermost. What it throws is the call's error. A refusal is a throw.
 * Nothing is done twice: a second `next` of `enqueue` gives what the first does. One of `run` rejects, with the first one's error where that
 * failed, else with NextCalledTwiceError: to try again is what `retry` is for, which counts attempts.
 *
 * @example
 * const timed: Middleware = {
 *   async run({ task }, next) {
 *     const began = performance.now()
 *     try {
 *       return await next()
 *     } finally {
 *       context().log.info({ task, ms: performance.now() - began }, 'ran')
 *     }
 *   }
 * }
 * export const slowly = task({ name: 'slowly', middleware: [timed] }, (n: number) => n)
 */
export interface Middleware {
  /**
   * Around the keeping of a job, where `enqueue` was called: once for each call, also of `enqueueMany`, which keeps none until all have
   * called `next`. It resolves once `next` has.
   */
  enqueue?(call: EnqueueInfo, next: () => Promise<void>): Promise<void>
  /** Around the function, where that runs: in the thread, the process or the loop, with its `context()`. Gives what `next` gives. */
  run?<Result>(call: CallInfo, next: () => Promise<Result>): Promise<Result>
}

/** @throws InvalidOptionError where it is no list of middleware */
export function checkMiddleware(middleware: readonly Middleware[]): void {
  const fits = (own: Partial<Record<string, unknown>> | null): boolean => {
    if (typeof own !== 'object' || own === null) return false
    const hooks = [own['enqueue'], own['run']].filter((hook) => hook !== undefined)
    if (!hooks.every((hook) => typeof hook === 'function')) return false
    // An object literal has no functions but its hooks; what a class has besides is its own affair.
    const isLiteral = Object.getPrototypeOf(own) === Object.prototype
    return isLiteral ? Object.entries(own).every(([key, value]) => key === 'enqueue' || key === 'run' || typeof value !== 'function') : hooks.length > 0
  }
  if (!Array.isArray(middleware) || !middleware.every(fits)) throw new InvalidOptionError('middleware', middleware, 'a list of objects, each with the functions enqueue, run or both')
}

/** Runs `last` inside the `run` of each. Without any, what it gives is given as it is, at once. */
export function runInside(middleware: readonly Middleware[], call: CallInfo, last: () => unknown): unknown {
  if (middleware.length === 0) return last()
  const from = (index: number): unknown => {
    const own = middleware[index]
    if (!own) return last()
    return own.run ? own.run(call, once(call.task, async () => from(index + 1))) : from(index + 1)
  }
  return from(0)
}

/**
 * Has `keep` called once all calls have come through the `enqueue` of each of their middleware; not at all where one did not.
 *
 * @throws JobNotKeptError where middleware ended without `next`
 */
export async function keepInside(middleware: readonly Middleware[], calls: readonly EnqueueInfo[], keep: () => Promise<void>): Promise<void> {
  const hooks = middleware.filter((own) => own.enqueue !== undefined)
  if (hooks.length === 0) return keep()
  const kept = Promise.withResolvers<void>()
  // Each caller hears of it through its own chain.
  kept.promise.catch(() => {})
  let coming = calls.length
  let failed = false
  await Promise.all(calls.map(async (call) => {
    let last: Promise<void> | undefined
    const arrive = (): Promise<void> => {
      if (--coming === 0 && !failed) keep().then(kept.resolve, kept.reject)
      return kept.promise
    }
    const from = async (index: number): Promise<void> => {
      const own = hooks[index]
      return own ? own.enqueue!(call, shared(() => from(index + 1))) : last = arrive()
    }
    try {
      await from(0)
      if (!last) throw new JobNotKeptError(call.task)
    } catch (error) {
      failed = true
      kept.reject(error) // does nothing where they are kept already
      throw error
    }
    // A hook may have caught what went wrong: it did go wrong.
    await last
  }))
}

/** A second time gives the first one's error, where that failed: it decides about a retry. */
function once<Result>(task: string, next: () => Promise<Result>): () => Promise<Result> {
  let first: Promise<Result> | undefined
  let failed = false
  return () => {
    if (failed) return first!
    if (first) return Promise.reject(new NextCalledTwiceError(task))
    first = next()
    first.catch(() => { failed = true })
    return first
  }
}

function shared<Result>(next: () => Promise<Result>): () => Promise<Result> {
  let first: Promise<Result> | undefined
  return () => first ??= next()
}
