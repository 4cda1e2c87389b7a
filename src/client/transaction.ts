import type { Enlisted, Taken } from '../backends/broker.ts'
import type { NewJob } from '../jobs/job.ts'
import { InvalidOptionError, PayloadTooLargeError } from '../kernel/errors.ts'
import type { Middleware } from '../tasks/middleware.ts'
import type { Task } from '../tasks/task.ts'
import type { JobHandle } from './job-handle.ts'
import { type EnqueuedTask, type JobMaker, listOf } from './job-maker.ts'

export interface TransactionParts {
  readonly enlisted: Enlisted
  readonly maker: JobMaker
  readonly middleware: readonly Middleware[]
  readonly payloadLimit: number
  readonly handles: (jobs: readonly NewJob[], taken: readonly Taken[]) => JobHandle[]
}

/** Keeps calls as jobs inside a transaction of the program's own: they are there if it commits, and were never there if it does not. */
export class Transaction {
  readonly #parts: TransactionParts

  constructor(parts: TransactionParts) {
    this.#parts = parts
  }

  /**
   * Keeps a call as a job, once the transaction has committed. At once, as all on such a connection is.
   *
   * @throws as `Client.enqueue`; InvalidOptionError where no transaction is open on the connection, where middleware would be asked, or a schema is async;
   *   PayloadTooLargeError also where there are `payloads`; SQLite's own error where the file is locked: the transaction is open still
   */
  enqueue<Args extends unknown[], Result, Own extends unknown[]>(task: Task<Args, Result, Own>, ...args: NoInfer<Args>): JobHandle<Awaited<Result>> {
    return this.#keep(this.#parts.maker.known(task, 'enqueue'), [args])[0] as JobHandle<Awaited<Result>>
  }

  /** Keeps many calls of one task: all of them, or none. @throws as `enqueue` */
  enqueueMany<Args extends unknown[], Result, Own extends unknown[]>(task: Task<Args, Result, Own>, calls: Iterable<NoInfer<Args>>): JobHandle<Awaited<Result>>[] {
    return this.#keep(this.#parts.maker.known(task, 'enqueueMany'), listOf(calls)) as JobHandle<Awaited<Result>>[]
  }

  #keep(definition: EnqueuedTask, calls: readonly (readonly unknown[])[]): JobHandle[] {
    const { enlisted, maker, middleware, payloadLimit, handles } = this.#parts
    const { name } = definition
    if ([...middleware, ...definition.middleware].some((own) => own.enqueue !== undefined)) {
      throw new InvalidOptionError(`'${name}' in a transaction`, 'enqueue', 'a task and a client without middleware around enqueue, which would have to be waited for')
    }
    const jobs = maker.jobsOf(definition, calls)
    if (jobs instanceof Promise) {
      jobs.catch(() => {})
      throw new InvalidOptionError(`'${name}' in a transaction`, 'an async schema', 'a schema that answers at once')
    }
    for (const { payload } of jobs) if (payload.length > payloadLimit) throw new PayloadTooLargeError(`The call of '${name}'`, payload.length, payloadLimit)
    return handles(jobs, enlisted.publish(jobs))
  }
}
