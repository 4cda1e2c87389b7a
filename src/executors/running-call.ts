import { CancelScope, outsideScopes, provideScope } from '../concurrency/cancel-scope.ts'
import type { Parent } from '../jobs/link.ts'
import { type Clock, type Timer, systemClock } from '../kernel/clock.ts'
import { SoftTimeoutError } from '../kernel/errors.ts'
import type { LogFields, Logger } from '../kernel/logger.ts'
import { callOf, isBare } from '../tasks/call.ts'
import { type OwnContext, type ParentOutcome, type TaskContext, context, inCall, runInContext } from '../tasks/context.ts'
import type { Held } from '../tasks/limit.ts'
import { progressOf } from '../tasks/progress.ts'
import type { OpenResources, Resource } from '../tasks/resource.ts'
import type { TaskDefinition } from '../tasks/task.ts'
import { decode } from '../wire/codec.ts'
import { type PortableError, fromPortable } from '../wire/portable-error.ts'
import { CallReports, type Listener } from './call-reports.ts'
import type { Call } from './executor.ts'

/** The context of one call while it runs. What most calls never ask for is made when it is asked for. */
export class RunningCall implements OwnContext {
  task: string
  version: number
  readonly job: string | undefined
  readonly attempt: number
  readonly token: number
  readonly #parent: Parent | undefined
  readonly deadline: number
  /** The call's number on its thread; 0 where there is none. */
  readonly seq: number
  ended = false
  #declared: TaskDefinition['resources']
  readonly #opened: OpenResources
  readonly #listener: Listener
  #reports: CallReports | undefined
  #progress: TaskContext['progress'] | undefined
  #abort: AbortController | undefined
  #reason: { error: unknown } | undefined
  #scope: CancelScope | undefined

  constructor({ name, version, resources }: TaskDefinition, attempt: Call['attempt'], deadline: number, opened: OpenResources, listener: Listener, seq = 0) {
    this.task = name
    this.version = attempt ? attempt.version ?? 1 : version
    this.job = attempt?.job
    this.attempt = attempt?.number ?? 1
    this.token = attempt?.token ?? 0
    this.#parent = attempt?.parent
    this.deadline = deadline
    this.seq = seq
    this.#declared = resources
    this.#opened = opened
    this.#listener = listener
  }

  get parent(): ParentOutcome | undefined {
    if (!this.#parent) return undefined
    const { job, state, outcome } = this.#parent
    const value = decode(outcome)
    return state === 'succeeded' ? { job, state, result: value, error: undefined } : { job, state: state as 'failed' | 'dead', result: undefined, error: fromPortable(value as PortableError) }
  }

  get signal(): AbortSignal {
    if (!this.#abort) {
      this.#abort = new AbortController()
      if (this.#reason) this.#abort.abort(this.#reason.error)
    }
    return this.#abort.signal
  }

  /** What waits in it by means of `treadle/concurrency` ends when it is cancelled, or its time is up. */
  get scope(): CancelScope {
    return this.#scope ??= CancelScope.outermost(this.signal, systemClock.elapsed() + this.deadline - systemClock.now())
  }

  get log(): Logger {
    return this.#said.log
  }

  /** What tells its lines from those of other calls. */
  get bindings(): LogFields {
    return this.job === undefined ? { task: this.task } : { task: this.task, job: this.job, attempt: this.attempt }
  }

  get progress(): TaskContext['progress'] {
    return this.#progress ??= (done, total, note) => this.#said.progress(progressOf(done, total, note))
  }

  hold(what: Held, ms: number): void {
    if (!this.ended) this.#listener.hold?.(what, ms, this)
  }

  /** It is over. What it said last is passed on, and its progress from here on is not. */
  end(): void {
    this.#reports?.end()
    this.ended = true
  }

  opened(resource: Resource<unknown>): { readonly value: unknown } | undefined {
    return this.#declared.includes(resource) ? this.#opened.get(resource) : undefined
  }

  /** Calls another task in place of the one that it was made for: from here on it is that one's call. */
  callInstead(definition: TaskDefinition, args: readonly unknown[]): unknown {
    return this.becomes(definition)(...args)
  }

  /** From here on it is the call of another task. Gives what calls that one, as often as it is called. */
  becomes(definition: TaskDefinition): (...args: readonly unknown[]) => unknown {
    this.task = definition.name
    this.version = definition.version
    this.#declared = definition.resources
    return isBare(definition) ? definition.fn as (...args: readonly unknown[]) => unknown : (...args) => callOf(definition, args, this.#opened)
  }

  /** Its signal aborts after so long, in milliseconds; it goes on. */
  abortAfter(ms: number, clock: Clock): Timer {
    return clock.after(ms, () => this.abort(new SoftTimeoutError(`The task '${this.task}'`)))
  }

  abort(error: unknown): void {
    this.#reason ??= { error }
    this.#abort?.abort(error)
  }

  get #said(): CallReports {
    return this.#reports ??= new CallReports(this.#listener, this)
  }
}

/** Runs a call's function: in the call's own context and scope, whatever this code runs in. */
export function runCall<T>(call: RunningCall, fn: () => T): T {
  return outsideScopes(() => runInContext(call, fn))
}

/** The scopes of calls that another copy of Treadle runs. */
const elsewhere = new WeakMap<TaskContext, CancelScope>()

provideScope(() => {
  if (!inCall()) return undefined
  const own = context()
  if (own instanceof RunningCall) return own.scope
  let scope = elsewhere.get(own)
  if (!scope) elsewhere.set(own, scope = CancelScope.outermost(own.signal, systemClock.elapsed() + own.deadline - systemClock.now()))
  return scope
})
