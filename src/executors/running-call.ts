import type { Logger } from '../kernel/logger.ts'
import type { TaskContext } from '../tasks/context.ts'
import type { Call } from './executor.ts'

/** The context of one call while it runs. What most calls never ask for is made when it is asked for. */
export class RunningCall implements TaskContext {
  readonly task: string
  readonly job: string | undefined
  readonly attempt: number
  readonly token: number
  readonly deadline: number
  /** The call's number on its thread; 0 where there is none. */
  readonly seq: number
  readonly #log: Logger
  #ownLog: Logger | undefined
  #abort: AbortController | undefined
  #reason: { error: unknown } | undefined

  constructor(task: string, attempt: Call['attempt'], deadline: number, log: Logger, seq = 0) {
    this.task = task
    this.job = attempt?.job
    this.attempt = attempt?.number ?? 1
    this.token = attempt?.token ?? 0
    this.deadline = deadline
    this.seq = seq
    this.#log = log
  }

  get signal(): AbortSignal {
    if (!this.#abort) {
      this.#abort = new AbortController()
      if (this.#reason) this.#abort.abort(this.#reason.error)
    }
    return this.#abort.signal
  }

  get log(): Logger {
    return this.#ownLog ??= this.#log.child(this.job === undefined ? { task: this.task } : { task: this.task, job: this.job, attempt: this.attempt })
  }

  abort(error: unknown): void {
    this.#reason ??= { error }
    this.#abort?.abort(error)
  }
}
