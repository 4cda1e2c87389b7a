import type { Outcome } from '../executors/executor.ts'

/** Of one task, on one worker, since it started. */
export interface TaskTally {
  /** How attempts ended. */
  readonly outcomes: Readonly<Record<Outcome['kind'], number>>
  /** Seconds of attempts that ended by themselves. */
  readonly wallSeconds: number
  readonly cpuSeconds: number
}

/** Counts how attempts ended. One entry a task: names come from the worker's own modules, so there are only so many. */
export class Tally {
  readonly #byTask = new Map<string, { outcomes: Record<Outcome['kind'], number>, wallSeconds: number, cpuSeconds: number }>()

  count(task: string, outcome: Outcome): void {
    let own = this.#byTask.get(task)
    if (!own) {
      own = { outcomes: { returned: 0, threw: 0, cancelled: 0, timedOut: 0, died: 0, handedBack: 0 }, wallSeconds: 0, cpuSeconds: 0 }
      this.#byTask.set(task, own)
    }
    own.outcomes[outcome.kind]++
    if (!('spent' in outcome)) return
    own.wallSeconds += outcome.spent.wall / 1_000
    own.cpuSeconds += outcome.spent.cpu / 1_000
  }

  [Symbol.iterator](): IterableIterator<[task: string, tally: TaskTally]> {
    return this.#byTask.entries()
  }
}
