import { types } from 'node:util'
import { type Duration, milliseconds } from '../kernel/duration.ts'
import { InvalidOptionError, NotATaskError } from '../kernel/errors.ts'
import { type RetryOptions, type RetryRules, checkRetry } from './retry-options.ts'
import { remember } from './own-thread.ts'
import { type TaskSource, callerSource } from './source.ts'

/**
 * Where a call runs: on the event loop (it waits), on a thread (it computes), on a thread that may wait (it blocks), or in a
 * child process (it may crash, or must be stopped inside native code).
 */
export type Place = 'loop' | 'thread' | 'blocking' | 'process'

export const places: readonly Place[] = ['loop', 'thread', 'blocking', 'process']

/** What may be set for a task, and changed for one call by `with`. */
export interface CallOptions {
  /** The line that the job waits in. Default: `'default'`. */
  queue?: string
  /** Jobs of a higher priority are reserved first. A whole number from -32768 to 32767. Default: 0. */
  priority?: number
  /** How long one attempt may take; then it is stopped, and counts as failed. Default: no limit. */
  timeout?: Duration
  /** What happens after a failed attempt. Default: none is tried again. */
  retry?: RetryOptions
  /** How long the job waits before it may start. Default: not at all. */
  delay?: Duration
  /** A job that has not started this long after it was enqueued never does. Default: it waits for ever. */
  expires?: Duration
}

export interface TaskOptions extends CallOptions {
  /** The name that messages carry: unique among the tasks of a program, and stable, since waiting jobs bear it. */
  name: string
  /**
   * Where calls run. Default: an `async` function on the loop, any other on a thread.
   *
   * - `'loop'`: an event loop, with many other calls: for what waits.
   * - `'thread'`: a thread to itself, of as many as there are cores: for what computes.
   * - `'blocking'`: a thread to itself, of up to 64 that come and go: for what blocks while it waits, such as synchronous IO.
   * - `'process'`: a child process: for what may crash or exhaust memory, or must be stopped inside native code. It shares no
   *   memory with the caller.
   */
  runs?: Place
}

/** The options of a call, checked, in milliseconds. */
export interface CallRules {
  readonly queue: string
  readonly priority: number
  readonly timeout: number
  readonly retry: RetryRules
  readonly delay: number
  readonly expires: number
}

/** What a thread needs to find a task again. */
export interface TaskRef {
  readonly name: string
  readonly source: TaskSource
}

export interface TaskDefinition extends TaskRef {
  readonly runs: Place
  readonly rules: CallRules
  /** The rules as `task()` was given them, whatever `with` changed since. */
  readonly ownRules: CallRules
  readonly fn: (...args: never[]) => unknown
}

// Not a local symbol: a program may hold two installs of Treadle, and its threads load one of their own.
const definition = Symbol.for('treadle.task')

/** A plain function that also knows its name and options. Call it as the function that it is, or give it to `run`, `map` or `enqueue`. */
export interface Task<Args extends unknown[], Result> {
  (...args: Args): Result
  /** The same task with other options for this call. */
  with(options: CallOptions): Task<Args, Result>
}

/** Any task. */
export type AnyTask = Task<never[], unknown>

/**
 * Makes a task of a function. Nothing is registered: `local()` and `connect({ tasks })` look at what they are given.
 *
 * Write it at the top of a module and export it, so that a thread or a worker can import the module and find it.
 *
 * @throws InvalidOptionError where an option is not of its form
 *
 * @example
 * export const area = task({ name: 'area', timeout: '5s' }, (width: number, height: number) => width * height)
 * area(2, 3)   // 6: still the plain function
 */
export function task<Args extends unknown[], Result>(options: TaskOptions, fn: (...args: Args) => Result): Task<Args, Result> {
  const { name, runs = types.isAsyncFunction(fn) ? 'loop' : 'thread' } = options
  checkTaskName(name)
  if (typeof fn !== 'function') throw new InvalidOptionError(`the task '${name}'`, fn, 'a function')
  if (!places.includes(runs)) throw new InvalidOptionError('runs', runs, `one of: ${places.join(', ')}`)
  const rules = rulesWith(options, ruleDefaults)
  const made: TaskDefinition = { name, runs, fn, rules, ownRules: rules, source: callerSource() }
  remember(made)
  return brand(made, fn)
}

/** @throws InvalidOptionError where no task can bear the name */
export function checkTaskName(name: unknown): void {
  if (typeof name !== 'string' || !/^[\w.:-]{1,200}$/.test(name)) {
    throw new InvalidOptionError('task name', name, '1 to 200 letters, digits, or . : - _')
  }
}

function brand<Args extends unknown[], Result>(made: TaskDefinition, fn: (...args: Args) => Result): Task<Args, Result> {
  const callable = (...args: Args): Result => fn(...args)
  Object.defineProperty(callable, 'name', { value: made.name })
  return Object.assign(callable, {
    [definition]: made,
    with: (options: CallOptions) => brand({ ...made, rules: rulesWith(options, made.rules) }, fn)
  })
}

/** The rules of a task that sets none. */
export const ruleDefaults: CallRules = {
  queue: 'default',
  priority: 0,
  timeout: Infinity,
  retry: checkRetry({}),
  delay: 0,
  expires: Infinity
}

/**
 * `base`, with what `options` set.
 *
 * @throws InvalidOptionError where an option is not of its form
 */
export function rulesWith(options: CallOptions, base: CallRules): CallRules {
  const { queue = base.queue, priority = base.priority } = options
  if (typeof queue !== 'string' || !/^[\w.:-]{1,100}$/.test(queue)) {
    throw new InvalidOptionError('queue', queue, '1 to 100 letters, digits, or . : - _')
  }
  if (!Number.isInteger(priority) || Math.abs(priority + 0.5) > 2 ** 15) {
    throw new InvalidOptionError('priority', priority, 'a whole number from -32768 to 32767')
  }
  const time = (name: 'timeout' | 'delay' | 'expires'): number =>
    options[name] === undefined ? base[name] : milliseconds(options[name], name)
  return {
    queue,
    priority,
    timeout: time('timeout'),
    delay: time('delay'),
    expires: time('expires'),
    retry: options.retry === undefined ? base.retry : checkRetry(options.retry, base.retry)
  }
}

export function isTask(value: unknown): value is AnyTask {
  return typeof value === 'function' && definition in value
}

/**
 * What a task is made of.
 *
 * @param where what was called, for the error
 * @throws NotATaskError where `value` is not a task
 */
export function definitionOf(value: unknown, where: string): TaskDefinition {
  if (!isTask(value)) throw new NotATaskError(value, where)
  return (value as unknown as Record<typeof definition, TaskDefinition>)[definition]
}
