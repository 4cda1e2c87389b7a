import { types } from 'node:util'
import { count } from '../kernel/count.ts'
import { InvalidOptionError, NotATaskError } from '../kernel/errors.ts'
import { checkOptions } from '../kernel/options.ts'
import { type CallOptions, type CallRules, callOptions, callRules, ruleDefaults, rulesWith } from './call-options.ts'
import { isSchema } from './checked-args.ts'
import { type Middleware, checkMiddleware } from './middleware.ts'
import { type Resource, isResource } from './resource.ts'
import { remember } from './own-thread.ts'
import type { ArgsSchema, SchemaInput, SchemaOutput, StandardSchema } from './standard-schema.ts'
import { type TaskSource, callerSource } from './source.ts'

/**
 * Where a call runs: on the event loop (it waits), on a thread (it computes), on a thread that may wait (it blocks), or in a
 * child process (it may crash, or must be stopped inside native code).
 */
export type Place = 'loop' | 'thread' | 'blocking' | 'process'

export const places: readonly Place[] = ['loop', 'thread', 'blocking', 'process']

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

const taskOptions = { name: true, runs: true, aliases: true, version: true, middleware: true, resources: true, args: true, ...callOptions } as const

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
