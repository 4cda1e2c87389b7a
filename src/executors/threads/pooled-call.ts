import type { Timer } from '../../kernel/clock.ts'
import type { Call, Outcome } from '../executor.ts'
import type { KnownTask } from './known-task.ts'
import type { StopReason } from './messages.ts'
import type { TaskThread } from './task-thread.ts'

/** A call in the pool's hands, from `execute` until it is settled, which happens once. */
export class PooledCall {
  readonly call: Call
  readonly task: KnownTask
  readonly #resolve: (outcome: Outcome) => void
  #onAbort: (() => void) | undefined
  /** Where it was sent to; undefined while it waits. */
  thread: TaskThread | undefined
  /** Its number on that thread. */
  seq = 0
  /** What its thread was expected to spend on it when it was sent, in milliseconds. */
  expected = 0
  /** Why it is being stopped, from when it is: its outcome, however it ends. */
  stopping: StopReason | undefined
  /** Runs out when its time is up, and once it is being stopped, when its grace is. */
  timer: Timer | undefined
  settled = false

  constructor(call: Call, task: KnownTask, resolve: (outcome: Outcome) => void) {
    this.call = call
    this.task = task
    this.#resolve = resolve
  }

  get name(): string {
    return this.task.ref.name
  }

  onAbort(listener: () => void): void {
    if (!this.call.signal) return
    this.#onAbort = listener
    this.call.signal.addEventListener('abort', listener)
  }

  settle(outcome: Outcome): void {
    if (this.settled) return
    this.settled = true
    this.clearTimer()
    if (this.#onAbort) this.call.signal?.removeEventListener('abort', this.#onAbort)
    this.#resolve(this.stopping && outcome.kind !== 'handedBack' ? { kind: this.stopping } : outcome)
  }

  clearTimer(): void {
    this.timer?.[Symbol.dispose]()
    this.timer = undefined
  }
}
