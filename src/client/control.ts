import type { Backend } from '../backends/backend.ts'
import { type ConcurrencyChange, type ControlCommand, type HeldAttempt, type RegisteredTask, type WorkerReport, answersTopic, controlAnswerOf, controlTopic, isConcurrencyChange, packControl } from '../backends/control.ts'
import type { Clock } from '../kernel/clock.ts'
import { type Duration, milliseconds } from '../kernel/duration.ts'
import { InvalidOptionError } from '../kernel/errors.ts'
import { idMaker } from '../kernel/id.ts'
import { checkOptions } from '../kernel/options.ts'
import type { Place } from '../tasks/task.ts'

/** Whom to ask, and how long to wait for answers. */
export interface ControlOptions {
  /** The ids of workers. Default: all that obey. */
  workers?: readonly string[]
  /** Who has not answered by then is left out. Default: `'1s'`. */
  timeout?: Duration
}

export interface ShutdownOptions extends ControlOptions {
  /** How long what is under way may take; what has not ended by then is handed back. Default: `'30s'`. */
  deadline?: Duration
}

/** How many calls run at once: so many, or, with `by`, so many more or fewer. */
export interface ConcurrencyOptions extends ControlOptions {
  threads?: number | { readonly by: number }
  /** Of those that share the loop: 2 at least. */
  loop?: number | { readonly by: number }
  blocking?: number | { readonly by: number }
  processes?: number | { readonly by: number }
}

/** What each worker answered, by its id. */
export type Answers<Answer> = ReadonlyMap<string, Answer>

const asking = { workers: true, timeout: true } as const
const placeOf = { threads: 'thread', loop: 'loop', blocking: 'blocking', processes: 'process' } as const satisfies Record<string, Place>

/**
 * Asks and tells workers, wherever they are, through the backend. Only those obey, and answer, that were started with `control: true`, since
 * whoever can write to the backend can then shut them down.
 */
export class Control {
  readonly #backend: Backend
  readonly #clock: Clock
  readonly #nextId: () => string

  constructor(backend: Backend, clock: Clock) {
    this.#backend = backend
    this.#clock = clock
    this.#nextId = idMaker(clock)
  }

  /** Which workers answer. @throws InvalidOptionError, ClosedError, as all of these */
  ping(options: ControlOptions = {}): Promise<Answers<{ readonly paused: boolean, readonly closing: boolean }>> {
    return this.#ask('ping', { command: 'ping' }, options)
  }

  /** The attempts that run: of each place as many as run at once, those that were reserved first. */
  active(options: ControlOptions = {}): Promise<Answers<readonly HeldAttempt[]>> {
    return this.#ask('active', { command: 'active' }, options)
  }

  /** The attempts that wait in workers behind those that run. */
  reserved(options: ControlOptions = {}): Promise<Answers<readonly HeldAttempt[]>> {
    return this.#ask('reserved', { command: 'reserved' }, options)
  }

  /** What each worker has done, and how it is. */
  stats(options: ControlOptions = {}): Promise<Answers<WorkerReport>> {
    return this.#ask('stats', { command: 'stats' }, options)
  }

  /** Which tasks each worker runs. */
  registered(options: ControlOptions = {}): Promise<Answers<readonly RegisteredTask[]>> {
    return this.#ask('registered', { command: 'registered' }, options)
  }

  /** Has workers take no more jobs; those under way go on. It lasts until `resume`, or their end. */
  pause(options: ControlOptions = {}): Promise<Answers<{ readonly paused: boolean }>> {
    return this.#ask('pause', { command: 'pause' }, options)
  }

  resume(options: ControlOptions = {}): Promise<Answers<{ readonly paused: boolean }>> {
    return this.#ask('resume', { command: 'resume' }, options)
  }

  /** Has workers end: as after SIGTERM, by the deadline. They answer before that. */
  shutdown(options: ShutdownOptions = {}): Promise<Answers<{ readonly closing: boolean }>> {
    const { deadline = '30s', ...rest } = checkOptions('control.shutdown()', options, { ...asking, deadline: true })
    const ms = milliseconds(deadline, 'control.shutdown(): deadline')
    return this.#ask('shutdown', { command: 'shutdown', ...(ms === Infinity ? {} : { deadline: ms }) }, rest)
  }

  /**
   * Changes how many calls workers run at once, from 1 on, until their end. What is under way beyond that ends first.
   *
   * @returns how many it is now, by place
   *
   * @example
   * await queue.control.concurrency({ threads: { by: 1 }, loop: 50 })   // Map(0) {}
   */
  concurrency(options: ConcurrencyOptions): Promise<Answers<Readonly<Partial<Record<Place, number>>>>> {
    const { workers, timeout, ...given } = checkOptions('control.concurrency()', options, { ...asking, threads: true, loop: true, blocking: true, processes: true })
    const changes = Object.entries(given).filter(([, change]) => change !== undefined).map(([name, change]): [Place, ConcurrencyChange] => {
      const asked: unknown = typeof change === 'number' ? { to: change } : change
      if (!isConcurrencyChange(asked)) throw new InvalidOptionError(`control.concurrency(): ${name}`, change, 'a whole number, 1 or more, or { by: 1 }, { by: -1 }')
      return [placeOf[name as keyof typeof placeOf], asked]
    })
    if (changes.length === 0) throw new InvalidOptionError('control.concurrency()', options, 'at least one of threads, loop, blocking, processes')
    return this.#ask('concurrency', { command: 'concurrency', changes: Object.fromEntries(changes) }, { ...(workers ? { workers } : {}), ...(timeout === undefined ? {} : { timeout }) })
  }

  async #ask<Answer>(name: string, command: ControlCommand, options: ControlOptions): Promise<Answers<Answer>> {
    const { workers, timeout = '1s' } = checkOptions(`control.${name}()`, options, asking)
    if (workers !== undefined && !(Array.isArray(workers) && workers.length > 0 && workers.every((id) => typeof id === 'string'))) {
      throw new InvalidOptionError(`control.${name}(): workers`, workers, 'a list of ids of workers')
    }
    const ms = milliseconds(timeout, `control.${name}(): timeout`)
    const answers = new Map<string, Answer>()
    // Those of whom an answer is waited for: when all have given it, that is all.
    const awaited = new Set((await this.#backend.stats()).workers.filter(({ id, control }) => control && workers?.includes(id) !== false).map(({ id }) => id))
    if (awaited.size === 0) return answers
    const asker = this.#nextId()
    const { promise: done, resolve, reject } = Promise.withResolvers<void>()
    using hearing = this.#backend.hear(answersTopic(asker), {
      heard(message) {
        const answer = controlAnswerOf(message)
        if (!answer) return
        answers.set(answer.worker, answer.value as Answer)
        awaited.delete(answer.worker)
        if (awaited.size === 0) resolve()
      },
      // Then an answer is missing when the time is over.
      missed() {},
      failed: reject
    })
    await hearing.ready
    await this.#backend.post(controlTopic, packControl({ ...command, asker, ...(workers ? { workers } : {}) }))
    using _ = this.#clock.after(ms, resolve)
    await done
    return answers
  }
}
