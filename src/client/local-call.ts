import type { Call, Caller, CancelSignal, Outcome, Progress } from '../executors/executor.ts'
import { DeadlineExceededError } from '../kernel/errors.ts'
import type { TaskDefinition } from '../tasks/task.ts'
import { fromPortable } from '../wire/portable-error.ts'

/** A call that was made here, and waits for its result. One object, since there may be very many. */
export class LocalCall implements Call, Caller {
  readonly task: TaskDefinition
  readonly args: readonly unknown[]
  readonly signal: CancelSignal | undefined
  readonly onProgress: ((progress: Progress) => void) | undefined
  readonly isBounded: boolean
  /** Rejects with what its caller is to catch. */
  readonly result: Promise<unknown>
  #resolve!: (result: unknown) => void
  #reject!: (error: unknown) => void

  constructor(task: TaskDefinition, args: readonly unknown[], signal: CancelSignal | undefined, onProgress: ((progress: Progress) => void) | undefined, isBounded = false) {
    this.task = task
    this.args = args
    this.signal = signal
    this.onProgress = onProgress
    this.isBounded = isBounded
    this.result = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
  }

  get input(): this {
    return this
  }

  get timeout(): number {
    return this.task.rules.timeout
  }

  get softTimeout(): number {
    return this.task.rules.softTimeout
  }

  get priority(): number {
    return this.task.rules.priority
  }

  settled(outcome: Outcome): void {
    if (outcome.kind === 'returned') return this.#resolve(outcome.value)
    try {
      this.#resolve(resultOf(this, outcome))
    } catch (error) {
      this.#reject(error)
    }
  }

  /** It was given to nobody. */
  refused(error: unknown): void {
    this.#reject(error)
  }
}

/** The result of a call, or what its caller is to catch. An error that never left this thread is the very one that was thrown. */
export function resultOf(call: Call, outcome: Outcome): unknown {
  switch (outcome.kind) {
    case 'returned':
      return outcome.value
    case 'cancelled':
      throw call.signal?.reason
    case 'timedOut':
      throw new DeadlineExceededError(`The task '${call.task.name}'`)
    case 'threw':
    case 'died':
    case 'handedBack':
      throw 'thrown' in outcome ? outcome.thrown : fromPortable(outcome.error)
  }
}
