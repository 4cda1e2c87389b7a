import { type Duration, milliseconds, waitable } from '../kernel/duration.ts'
import { InvalidOptionError } from '../kernel/errors.ts'
import { checkOptions } from '../kernel/options.ts'
import { type RetryOptions, type RetryRules, checkRetry } from '../kernel/retry-options.ts'
import { TaskCall } from './task-call.ts'

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
  /**
   * A job of the task that was enqueued with the same key less than 24 hours ago, or has not ended, stands for this one. Up to 200 characters. In place of `unique`. The slots of a schedule
   * have a job each, whatever it is.
   */
  idempotencyKey?: string
  /**
   * On whose behalf the job is, such as a tenant: the keys of a queue take turns, so that one's million jobs do not hold up another's one, and may have limits. Up to 200
   * characters, other than `'*'`. Default: those without one share a turn.
   */
  key?: string
  /**
   * It begins only when all jobs of its key before it that are ordered too have ended, retries and all: wherever they run, and whatever limits hold those back. One of a higher
   * priority is before the others, and one with a delay comes when that is over. Needs a `key`, which may be given with
   * each call: `task.with({ key })`. Default: false.
   */
  ordered?: boolean
  /**
   * What the job takes of the rates that limit it; more than 0. One that costs more than there is just now waits until there is enough, or all of a rate that it exceeds, and holds back
   * cheaper ones behind it: else it might wait for ever. Default: 1.
   */
  cost?: number
  /**
   * What is enqueued in the same breath in which the job succeeds: up to 100 calls. No middleware is asked of them then, and each must fit into a message. In place of what the task
   * has. Default: nothing.
   */
  link?: TaskCall | readonly TaskCall[]
  /** What is enqueued in the same breath in which the job fails for good, or is set aside as dead; not where it is cancelled. Default: nothing. */
  linkError?: TaskCall | readonly TaskCall[]
  /** Nothing is kept of the result: `job.result()` gives undefined. Default: false. */
  ignoreResult?: boolean
}

/**
 * What there is to be one of, and what becomes of others.
 *
 * @example
 * export const search = task({ name: 'search', unique: { key: 'search', taken: 'replace' }, delay: '300ms' }, async (typed: string) => typed)   // a debounce
 * export const report = task({ name: 'report', unique: { for: '1h' } }, async (day: string) => day)   // once an hour, for each day
 */
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

/** Every one of them. */
export const callOptions = { queue: true, priority: true, timeout: true, retry: true, delay: true, expires: true, tags: true, softTimeout: true, unique: true, idempotencyKey: true, key: true, ordered: true, cost: true, link: true, linkError: true, ignoreResult: true } as const

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

/** `base`, with what of the options of a call `options` set; what else is there is somebody else's. @throws InvalidOptionError */
export function rulesWith(options: CallOptions, base: CallRules): CallRules {
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
  if (softTimeout !== Infinity && !(softTimeout > 0 && softTimeout < timeout)) throw new InvalidOptionError('softTimeout', options.softTimeout ?? softTimeout, timeout === Infinity ? 'more than 0' : `more than 0, and less than timeout, which is ${timeout} ms`)
  const delay = waitable(time('delay'), 'delay')
  const expires = time('expires')
  if (expires !== Infinity) waitable(expires, 'expires')
  const { key = base.key, ordered = base.ordered, cost = base.cost } = options
  if (key !== undefined && checkKey('key', key) === '*') throw new InvalidOptionError('key', key, "other than '*', which means all of them")
  checkBoolean('ordered', ordered)
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
    unique: checkUnique(options, base.unique),
    link: options.link === undefined ? base.link : checkCalls('link', options.link),
    linkError: options.linkError === undefined ? base.linkError : checkCalls('linkError', options.linkError),
    ignoreResult: options.ignoreResult === undefined ? base.ignoreResult : checkBoolean('ignoreResult', options.ignoreResult)
  }
}

/** How long an idempotency key is remembered, in milliseconds: as long as who asks again is likely to. */
const idempotencyWindow = 24 * 3_600_000

/** Tells an idempotency key from one of `unique`, which begins with `key `, whatever was given. */
export const idempotencyPrefix = 'id '

function checkUnique({ unique, idempotencyKey }: CallOptions, base: UniqueCallRule | undefined): UniqueCallRule | undefined {
  if (idempotencyKey !== undefined) {
    if (unique !== undefined) throw new InvalidOptionError('idempotencyKey', idempotencyKey, 'given without unique: it is another word for a unique key with a time')
    return { key: `${idempotencyPrefix}${checkKey('idempotencyKey', idempotencyKey)}`, window: idempotencyWindow, taken: 'merge' }
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
