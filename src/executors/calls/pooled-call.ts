import { types } from 'node:util'
import type { Timer } from '../../kernel/clock.ts'
import type { Call, Caller, Input, LogLine, Outcome, Progress } from '../executor.ts'
import type { HoldScope } from '../../tasks/context.ts'
import type { Place } from '../../tasks/task.ts'
import type { KnownTask } from './known-task.ts'
import { type Heard, type StopReason, hears } from './messages.ts'

/** About how much a copy moves in a millisecond. */
const bytesPerMs = 1_000_000

/** What a pool's calls know of it. */
export interface Ledger {
  readonly place: Place
  /** The time, as it was when something was heard or asked for last, in milliseconds of its clock: read once for all that happens together. */
  now: number
}

/**
 * A call in the pool's hands, from `execute` until it is settled, which happens once.
 *
 * @typeParam Host what runs calls: a thread, or a child process
 */
export class PooledCall<Host> {
  readonly call: Call
  readonly task: KnownTask
  readonly priority: number
  readonly #ledger: Ledger
  /** When it was asked for, on the pool's clock. */
  readonly #askedAt: number
  readonly #caller: Caller
  #onAbort: ((call: this) => void) | undefined
  /** Where it was sent to; undefined while it waits. */
  host: Host | undefined
  /** The one that it must run on, where that matters. */
  only: Host | undefined
  /** Its number there. */
  seq = 0
  /** What of its arguments is moved there, and not copied. */
  readonly moved: readonly ArrayBuffer[] | undefined
  /** The bytes of its arguments, as far as a glance shows them. */
  readonly bytes: number
  /** What its host was expected to spend on it when it was sent, in milliseconds. */
  expected = 0
  /** Why it is being stopped, from when it is: its outcome, however it ends. */
  stopping: StopReason | undefined
  /** Runs out when its time is up, and once it is being stopped, when its grace is. */
  timer: Timer | undefined
  /** How often its thread's loop had shown that it turns when the stopping began. */
  beatsAtStop = 0
  settled = false

  constructor(call: Call, task: KnownTask, ledger: Ledger, moved: readonly ArrayBuffer[] | undefined, caller: Caller) {
    this.call = call
    this.task = task
    this.priority = call.priority ?? 0
    this.#ledger = ledger
    this.#askedAt = ledger.now
    this.moved = moved
    this.bytes = weightOf(call.input)
    this.#caller = caller
  }

  /** What carrying its arguments there takes, in milliseconds. */
  get carriage(): number {
    return this.moved ? 0 : this.bytes / bytesPerMs
  }

  get name(): string {
    return this.call.title ?? this.task.ref.name
  }

  get heard(): Heard {
    return (this.call.onProgress ? hears.progress : 0) + (this.call.onLog ? hears.lines : 0) as Heard
  }

  progressed(progress: Progress): void {
    if (!this.settled) this.call.onProgress?.(progress)
  }

  holds(what: HoldScope, ms: number): void {
    if (!this.settled) this.call.onHold?.(what, ms)
  }

  logged(line: LogLine): void {
    if (!this.settled) this.call.onLog?.(line)
  }

  /** Where it has a signal. */
  onAbort(listener: (call: this) => void): void {
    if (!this.call.signal) return
    this.#onAbort = listener
    // Itself, and no closure: see AttemptCall in worker/attempt.ts.
    this.call.signal.addEventListener('abort', this)
  }

  /** Its signal has aborted. */
  handleEvent(): void {
    this.#onAbort?.(this)
  }

  settle(outcome: Outcome): void {
    this.clearTimer()
    if (this.settled) return
    this.settled = true
    if (this.#onAbort) this.call.signal?.removeEventListener('abort', this)
    const told: Outcome = this.stopping ? { kind: this.stopping } : outcome
    this.task.times.record(this.name, this.#ledger.place, told, this.#ledger.now - this.#askedAt)
    this.#caller.settled(told)
  }

  clearTimer(): void {
    this.timer?.[Symbol.dispose]()
    this.timer = undefined
  }
}

export function weightOf(input: Input): number {
  return 'encoded' in input ? input.encoded.length : bytesOf(input.args)
}

/** The bytes of texts and of arrays among values, as far as a glance shows them: enough to keep large ones from being sent far ahead. */
export function bytesOf(values: readonly unknown[]): number {
  let bytes = 0
  for (const value of values) {
    if (typeof value === 'string') bytes += value.length
    else if (ArrayBuffer.isView(value) || types.isAnyArrayBuffer(value)) bytes += value.byteLength
  }
  return bytes
}
