import { channel } from 'node:diagnostics_channel'
import { type Distribution, Histogram } from '../kernel/histogram.ts'
import type { Place } from '../tasks/task.ts'
import type { Outcome } from './executor.ts'

/** What calls of a task took, in milliseconds: of those that came to an end of their own. */
export interface TaskStatistics {
  readonly calls: number
  /** So many of them threw. */
  readonly threw: number
  /** From when it was asked for until it began, and from its end until its result was here. */
  readonly waiting: Distribution
  /** From its beginning to its end. */
  readonly running: Distribution
  /** The processor's time, as far as it is known. */
  readonly cpu: Distribution
}

/** What a thread or child process has done since it started. */
export interface WorkerStatistics {
  readonly name: string
  readonly calls: number
  /** Milliseconds that its calls took. */
  readonly running: number
  /** How much of its time its event loop was not idle, from 0 to 1; of a child process, as it last said. */
  readonly utilization: number
  /** Bytes of texts and of arrays, as far as a glance at arguments and results shows them, to it and from it. */
  readonly sent: number
  readonly received: number
}

/** What an executor has done, and has before it. */
export interface ExecutorStatistics {
  readonly place: Place
  /** Calls that wait, and calls that were begun, or sent ahead. */
  readonly waiting: number
  readonly running: number
  /** By their names. */
  readonly tasks: Readonly<Record<string, TaskStatistics>>
  /** Empty for the loop. */
  readonly workers: readonly WorkerStatistics[]
}

/** What is published on `treadle:call:settled` (see `node:diagnostics_channel`), with times in milliseconds. */
export interface CallSettled {
  readonly task: string
  readonly place: Place
  readonly outcome: Outcome['kind']
  /** Undefined where it did not come to an end of its own. */
  readonly waiting: number | undefined
  readonly running: number | undefined
  readonly cpu: number | undefined
}

/** What is published on `treadle:worker:started` and `treadle:worker:ended`. */
export interface WorkerChange {
  readonly worker: string
  readonly place: Place
}

export const callSettled: ReturnType<typeof channel> = channel('treadle:call:settled')
export const workerStarted: ReturnType<typeof channel> = channel('treadle:worker:started')
export const workerEnded: ReturnType<typeof channel> = channel('treadle:worker:ended')

/** Times of the calls of one task, in constant memory. */
export class TaskTimes {
  #calls = 0
  #threw = 0
  readonly #waiting = new Histogram()
  readonly #running = new Histogram()
  readonly #cpu = new Histogram()

  /** @param lasted from when it was asked for until its outcome was here, in milliseconds */
  record(task: string, place: Place, outcome: Outcome, lasted: number): void {
    if ('spent' in outcome) {
      const { wall, cpu } = outcome.spent
      this.#calls++
      if (outcome.kind === 'threw') this.#threw++
      this.#waiting.record(Math.max(0, lasted - wall))
      this.#running.record(wall)
      this.#cpu.record(cpu)
    }
    if (callSettled.hasSubscribers) callSettled.publish(settledNote(task, place, outcome, lasted))
  }

  get statistics(): TaskStatistics {
    return { calls: this.#calls, threw: this.#threw, waiting: this.#waiting.distribution, running: this.#running.distribution, cpu: this.#cpu.distribution }
  }
}

function settledNote(task: string, place: Place, outcome: Outcome, lasted: number): CallSettled {
  const spent = 'spent' in outcome ? outcome.spent : undefined
  return { task, place, outcome: outcome.kind, waiting: spent && Math.max(0, lasted - spent.wall), running: spent?.wall, cpu: spent?.cpu }
}
