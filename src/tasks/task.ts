import { types } from 'node:util'
import { count } from '../kernel/count.ts'
import { type Duration, milliseconds, waitable } from '../kernel/duration.ts'
import { InvalidOptionError, NotATaskError } from '../kernel/errors.ts'
import { checkOptions } from '../kernel/options.ts'
import { isSchema } from './checked-args.ts'
import { type Middleware, checkMiddleware } from './middleware.ts'
import { type Resource, isResource } from './resource.ts'
import { type RetryOptions, type RetryRules, checkRetry } from '../kernel/retry-options.ts'
import { remember } from './own-thread.ts'
import type { ArgsSchema, SchemaInput, SchemaOutput, StandardSchema } from './standard-schema.ts'
import { type TaskSource, callerSource } from './source.ts'
import { TaskCall } from './task-call.ts'

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
  /** How long one attempt may take, more than 0; then it is stopped, and counts as failed. Default: no limit. */
  timeout?: Duration
  /** What happens after a failed attempt. Default: none is tried again. */
  retry?: RetryOptions
  /** How long the job waits before it may start, up to 1,000 years. Default: not at all. */
  delay?: Duration
  /** A job that has not started this long after it was enqueued, up to 1,000 years, never does. Default: it waits for ever. */
  expires?: Duration
  /** Words to find the job by: up to 20, each of 1 to 100 letters, digits, or . : - _. Default: none. */
  tags?: readonly string[]
  /**
   * How long one attempt may take until its signal aborts, less than `timeout`: so it has the rest of the time to come to an end of its own, and that end
   * counts. Default: its signal aborts when it is stopped.
   */
  softTimeout?: Duration
  /**
   * There is to be one such job of the task at a time in its queue: `true` for one with the same arguments, as they are encoded (fields in the same order). What becomes
   * of another, `UniqueOptions.taken` says. Default: any number.
   */
  unique?: boolean | UniqueOptions
  /** A job of the task that was enqueued with the same key less than 24 hours ago, or has not ended, stands for this one. Up to 200 characters. In place of `unique`. */
  idempotencyKey?: string
  /**
   * On whose behalf the job is, such as a tenant: the keys of a queue take turns, so that one's million jobs do not hold up another's one, and may have limits. Up to 200
   * characters, other than `'*'`. Default: those without one share a turn.
   */
  key?: string
  /**
   * It begins only when all jobs of its key before it that are ordered too have ended, retries and all: wherever they run, and whatever limits hold those back. One of a higher
   * priority is before the others, and one with a delay comes when that is over. Needs a `key`. Default: false.
   */
  ordered?: boolean
  /** What the job takes of the rates that limit it; more than 0. Default: 1. */
  cost?: number
  /** What is enqueued in the same breath in which the job succeeds. In place of what the task has. Default: nothing. */
  link?: TaskCall | readonly TaskCall[]
  /** What is enqueued in the same breath in which the job fails for good, or is set aside as dead; not where it is cancelled. Default: nothing. */
  linkError?: TaskCall | readonly TaskCall[]
  /** Nothing is kept of the result: `job.result()` gives undefined. Default: false. */
  ignoreResult?: boolean
}

export interface UniqueOptions {
  /** What is unique, among the jobs of the task: up to 200 characters. Default: its arguments. */
  key?: string
  /** The job stands for others for this long from when it was enqueued, though it has ended: at most one in such a time. Up to 1,000 years. Default: until it has ended. */
  for?: Duration
  /**
   * What becomes of a call while another job stands for it:
   *
   * - `'merge'`: the job that is there serves both. If it has not begun, it has the higher priority, the earlier start and the later expiry of the two.
   * - `'reject'`: it is not kept.
   * - `'replace'`: if the job that is there has not begun, it takes over the arguments and the delay, counted anew, and all else of this call; else this
   *   call is kept as a job of its own.
   *
   * The handle says which it was, as `admission`, and is one on the job that is there. Default: `'merge'`.
   */
  taken?: 'merge' | 'reject' | 'replace'
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
  /** Names that the task bore before: jobs that still bear one run this task. Default: none. */
  aliases?: readonly string[]
  /**
   * Raised by one when the arguments change their meaning: a worker whose task is older than a job hands the job back, for one of the
   * newer release; a newer task runs older jobs, and sees in `context().version` which arguments it has. Default: 1.
   */
  version?: number
  /** What is done around its calls, the first outermost. It runs where the task runs, not where it is called directly. Default: nothing. */
  middleware?: readonly Middleware[]
  /** What its calls find opened; see `resource`. Default: nothing. */
  resources?: readonly Resource<unknown>[]
}

const callOptions = { queue: true, priority: true, timeout: true, retry: true, delay: true, expires: true, tags: true, softTimeout: true, unique: true, idempotencyKey: true, key: true, ordered: true, cost: true, link: true, linkError: true, ignoreResult: true } as const
const taskOptions = { name: true, runs: true, aliases: true, version: true, middleware: true, resources: true, args: true, ...callOptions } as const

/** The options of a call, checked, in milliseconds. */
export interface CallRules {
  readonly queue: string
  readonly priority: number
  readonly timeout: number
  readonly retry: RetryRules
  readonly delay: number
  readonly expires: number
  readonly tags: readonly string[]
  readonly softTimeout: number
  readonly unique: UniqueCallRule | undefined
  readonly key: string | undefined
  readonly ordered: boolean
  readonly cost: number
  readonly link: readonly TaskCall[]
  readonly linkError: readonly TaskCall[]
  readonly ignoreResult: boolean
}

/** What there is to be one of: by its key, or by its arguments where it has none. */
export interface UniqueCallRule {
  readonly key: string | undefined
  /** Milliseconds. */
  readonly window: number
  readonly taken: NonNullable<UniqueOptions['taken']>
}

/** What a thread needs to find a task again. */
export interface TaskRef {
  readonly name: string
  readonly source: TaskSource
}

/** Options of a task whose arguments a schema checks. */
export interface CheckedTaskOptions<Schema extends ArgsSchema> extends TaskOptions {
  /**
   * A Standard Schema of the list of all arguments, such as `z.tuple([z.string()])`. It is checked where a call is enqueued and where it
   * runs; a job whose arguments it refuses fails, and is not tried again. The function gets what the schema makes of them; what
   * travels is what was given. It must also take what older jobs bring.
   */
  args: Schema
}

export interface TaskDefinition extends TaskRef {
  readonly aliases: readonly string[]
  readonly version: number
  readonly schema?: StandardSchema
  readonly middleware: readonly Middleware[]
  readonly resources: readonly Resource<unknown>[]
  readonly runs: Place
  /** Nobody said where it runs: work too small to be carried anywhere may run where it is asked for. */
  readonly runsByDefault: boolean
  readonly rules: CallRules
  /** The rules as `task()` was given them, whatever `with` changed since. */
  readonly ownRules: CallRules
  readonly fn: (...args: never[]) => unknown
}

// Not a local symbol: a program may hold two installs of Treadle, and its threads load one of their own.
const definition = Symbol.for('treadle.task')

/**
 * A plain function that also knows its name and options. Call it as the function that it is, or give it to `run`, `map` or `enqueue`.
 *
 * @typeParam Args what `run`, `map` and `enqueue` take
 * @typeParam Own what the function itself takes: the same, unless a schema makes something else of it
 */
export interface Task<Args extends unknown[], Result, Own extends unknown[] = Args> {
  (...args: Own): Result
  /** The same task with other options for this call. */
  with(options: CallOptions): Task<Args, Result, Own>
  /** For types alone; never there. */
  readonly '~args'?: (...args: Args) => void
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
export function task<Schema extends ArgsSchema, Result>(options: CheckedTaskOptions<Schema>, fn: (...args: SchemaOutput<Schema>) => Result): Task<SchemaInput<Schema>, Result, SchemaOutput<Schema>>
export function task<Args extends unknown[], Result>(options: TaskOptions, fn: (...args: Args) => Result): Task<Args, Result>
export function task<Args extends unknown[], Result>(options: TaskOptions & { args?: StandardSchema }, fn: (...args: Args) => Result): Task<Args, Result> {
  const { name, runs: told, aliases = [], version = 1, middleware = [], resources = [], args: schema } = checkOptions('task()', options, taskOptions)
  const runs = told ?? (types.isAsyncFunction(fn) ? 'loop' : 'thread')
  if (!Array.isArray(aliases)) throw new InvalidOptionError('aliases', aliases, 'a list of names')
  for (const each of [name, ...aliases]) checkTaskName(each)
  if (typeof fn !== 'function') throw new InvalidOptionError(`the task '${name}'`, fn, 'a function')
  if (!places.includes(runs)) throw new InvalidOptionError('runs', runs, `one of: ${places.join(', ')}`)
  checkMiddleware(middleware)
  if (!Array.isArray(resources) || !resources.every(isResource)) throw new InvalidOptionError('resources', resources, 'a list of what resource() gives')
  if (schema !== undefined && !isSchema(schema)) throw new InvalidOptionError('args', schema, 'a Standard Schema of the list of arguments, such as z.tuple([z.string()])')
  const rules = rulesWith(options, ruleDefaults)
  const made: TaskDefinition = { name, aliases, version: count('version', version), middleware, resources, ...(schema ? { schema } : {}), runs, runsByDefault: told === undefined, fn, rules, ownRules: rules, source: callerSource() }
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
    with: (options: CallOptions) => brand({ ...made, rules: callRules('with()', options, made.rules) }, fn)
  })
}

/** The rules of a task that sets none. */
export const ruleDefaults: CallRules = {
  queue: 'default',
  priority: 0,
  timeout: Infinity,
  retry: checkRetry({}),
  delay: 0,
  expires: Infinity,
  tags: [],
  softTimeout: Infinity,
  unique: undefined,
  key: undefined,
  ordered: false,
  cost: 1,
  link: [],
  linkError: [],
  ignoreResult: false
}

/**
 * `base`, with what `options` set.
 *
 * @param where what was given them, for the error
 * @throws InvalidOptionError where there is no such option, or it is not of its form
 */
export function callRules(where: string, options: CallOptions, base: CallRules): CallRules {
  return rulesWith(checkOptions(where, options, callOptions), base)
}

function rulesWith(options: CallOptions, base: CallRules): CallRules {
  const { queue = base.queue, priority = base.priority } = options
  checkQueueName(queue)
  if (!Number.isInteger(priority) || Math.abs(priority + 0.5) > 2 ** 15) {
    throw new InvalidOptionError('priority', priority, 'a whole number from -32768 to 32767')
  }
  const time = (name: 'timeout' | 'softTimeout' | 'delay' | 'expires'): number =>
    options[name] === undefined ? base[name] : milliseconds(options[name], name)
  const timeout = time('timeout')
  if (timeout === 0) throw new InvalidOptionError('timeout', options.timeout, 'more than 0')
  const softTimeout = time('softTimeout')
  if (softTimeout !== Infinity && !(softTimeout > 0 && softTimeout < timeout)) throw new InvalidOptionError('softTimeout', options.softTimeout, 'more than 0, and less than timeout')
  const delay = waitable(time('delay'), 'delay')
  const expires = time('expires')
  if (expires !== Infinity) waitable(expires, 'expires')
  const { key = base.key, ordered = base.ordered, cost = base.cost } = options
  if (key !== undefined && checkKey('key', key) === '*') throw new InvalidOptionError('key', key, "other than '*', which means all of them")
  if (checkBoolean('ordered', ordered) && key === undefined) throw new InvalidOptionError('ordered', ordered, 'given with a key: jobs are ordered among those of their key')
  if (typeof cost !== 'number' || !(cost > 0 && cost < Infinity)) throw new InvalidOptionError('cost', cost, 'a number, more than 0')
  return {
    queue,
    key,
    ordered,
    cost,
    priority,
    timeout,
    softTimeout,
    delay,
    expires,
    tags: options.tags === undefined ? base.tags : checkTags(options.tags),
    retry: options.retry === undefined ? base.retry : checkRetry(options.retry, base.retry),
    unique: uniqueRule(options, base.unique),
    link: options.link === undefined ? base.link : checkCalls('link', options.link),
    linkError: options.linkError === undefined ? base.linkError : checkCalls('linkError', options.linkError),
    ignoreResult: options.ignoreResult === undefined ? base.ignoreResult : checkBoolean('ignoreResult', options.ignoreResult)
  }
}

/** How long an idempotency key is remembered, in milliseconds: as long as who asks again is likely to. */
const idempotencyWindow = 24 * 3_600_000

function uniqueRule({ unique, idempotencyKey }: CallOptions, base: UniqueCallRule | undefined): UniqueCallRule | undefined {
  if (idempotencyKey !== undefined) {
    if (unique !== undefined) throw new InvalidOptionError('idempotencyKey', idempotencyKey, 'given without unique: it is another word for a unique key with a time')
    return { key: `id ${checkKey('idempotencyKey', idempotencyKey)}`, window: idempotencyWindow, taken: 'merge' }
  }
  if (unique === undefined) return base
  if (unique === false) return undefined
  const { key, for: window = 0, taken = 'merge' } = unique === true ? {} : checkOptions('unique', unique, { key: true, for: true, taken: true })
  if (!['merge', 'reject', 'replace'].includes(taken)) throw new InvalidOptionError('unique.taken', taken, "'merge', 'reject' or 'replace'")
  return { key: key === undefined ? undefined : `key ${checkKey('unique.key', key)}`, window: waitable(milliseconds(window, 'unique.for'), 'unique.for'), taken }
}

/** @throws InvalidOptionError */
export function checkKey(name: string, key: unknown): string {
  if (typeof key !== 'string' || key.length < 1 || key.length > 200 || !key.isWellFormed()) throw new InvalidOptionError(name, key, 'a text of 1 to 200 characters, without lone surrogates')
  return key
}

function checkCalls(name: string, calls: TaskCall | readonly TaskCall[]): readonly TaskCall[] {
  const list: readonly unknown[] = Array.isArray(calls) ? calls : [calls]
  if (list.length > 100 || !list.every((one) => one instanceof TaskCall)) throw new InvalidOptionError(name, calls, 'what call() gives, or a list of up to 100 such')
  return list
}

function checkBoolean(name: string, value: unknown): boolean {
  if (typeof value !== 'boolean') throw new InvalidOptionError(name, value, 'true or false')
  return value
}

/** @throws InvalidOptionError where no queue can bear the name */
export function checkQueueName(queue: unknown): void {
  if (typeof queue !== 'string' || !/^[\w.:-]{1,100}$/.test(queue)) throw new InvalidOptionError('queue', queue, '1 to 100 letters, digits, or . : - _')
}

function checkTags(tags: readonly string[]): readonly string[] {
  const isTag = (tag: unknown): boolean => typeof tag === 'string' && /^[\w.:-]{1,100}$/.test(tag)
  if (!Array.isArray(tags) || tags.length > 20 || !tags.every(isTag)) {
    throw new InvalidOptionError('tags', tags, 'up to 20, each of 1 to 100 letters, digits, or . : - _')
  }
  return [...new Set(tags)]
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
