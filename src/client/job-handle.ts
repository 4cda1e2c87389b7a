import type { Admission } from '../jobs/unique.ts'
import type { Ending } from '../backends/store.ts'
import type { Duration } from '../kernel/duration.ts'
import { CancelledError, JobDeadError } from '../kernel/errors.ts'
import type { JobState } from '../jobs/states.ts'
import type { JobStory } from '../jobs/history.ts'
import type { Job } from '../jobs/job.ts'
import type { Parent } from '../jobs/link.ts'
import { decode } from '../wire/codec.ts'
import { fromPortable } from '../wire/portable-error.ts'

export interface ResultOptions {
  /** How long to wait. Default: for ever. */
  timeout?: Duration
  /** Ends the wait, not the job. */
  signal?: AbortSignal
}

/**
 * What a cancel found: the job is cancelled, or its worker was asked to stop it, or it had ended already, or its worker has been silent
 * for longer than its lease: then the job is cancelled when it is taken from that worker.
 */
export type CancelOutcome = 'cancelled' | 'stopping' | 'finished' | 'unreachable'

/** A job as it stands. */
export type JobRecord = Omit<Job, 'result' | 'parent'> & {
  /** As the task gave it. */
  readonly result: unknown
  /** The job whose end published this one, and how that ended. */
  readonly parent: Pick<Parent, 'job' | 'state'> | undefined
}

/** What happened to a job, and what it is called with. */
export interface ToldStory extends JobStory {
  /** Absent where they are large, and their payload is gone or not to be had here. */
  readonly args?: readonly unknown[]
  /** What it was enqueued with, where `retry` has given it other arguments since; absent as `args` are. */
  readonly originalArgs?: readonly unknown[]
}

/** What of a job that begins anew is to be another. */
export interface RetryChanges {
  /** What it is called with. Default: what it was called with. What it was first called with is kept: see `ToldStory`. */
  readonly args?: readonly unknown[]
}

/** What a handle asks of its client. */
export interface JobAccess {
  end(job: string, options: ResultOptions): Promise<Ending>
  cancel(job: string): Promise<CancelOutcome>
  read(job: string): Promise<JobRecord>
  state(job: string): Promise<JobState>
  story(job: string): Promise<ToldStory>
  watch(job: string, options: Pick<ResultOptions, 'signal'>): AsyncGenerator<JobRecord, void, undefined>
}

/** A job that is kept, as its enqueuer holds it. */
export class JobHandle<Result = unknown> {
  /** Of the job that is kept: where another stands for the call that was made, its id. */
  readonly id: string
  /** What became of the call: `'created'`, unless it was to be `unique`, and another job stands for it. */
  readonly admission: Admission
  readonly #access: JobAccess
  /** False where nobody has seen yet that there is such a job. */
  readonly #known: boolean

  constructor(id: string, access: JobAccess, { known = true, admission = 'created' }: { readonly known?: boolean, readonly admission?: Admission } = {}) {
    this.id = id
    this.admission = admission
    this.#access = access
    this.#known = known
  }

  /**
   * The task's result, once the job has ended.
   *
   * @throws what the task threw in its last attempt, with its name, message, stack, code, cause and fields
   * @throws CancelledError where it was cancelled
   * @throws JobDeadError where it was set aside, with the reason as its cause
   * @throws UnknownJobError where there is no such job, also where it was purged meanwhile (seen within some seconds)
   * @throws PayloadMissingError where the result is large and its payload is gone, or no `payloads` are configured
   * @throws ResultTimeoutError where it has not ended in time; the job goes on
   *
   * @example
   * const sum = await job.result({ timeout: '10s' })
   */
  async result(options: ResultOptions = {}): Promise<Result> {
    if (!this.#known) await this.#access.state(this.id)
    const ending = await this.#access.end(this.id, options)
    const cause = ending.error && fromPortable(ending.error)
    switch (ending.state) {
      case 'succeeded':
        return (ending.result ? decode(ending.result) : undefined) as Result
      case 'failed':
        throw cause ?? new Error('The job failed and left no error.')
      case 'cancelled':
        throw new CancelledError(`Job ${this.id}`)
      case 'dead':
        throw new JobDeadError(this.id, cause?.message ?? 'it left no cause.', { cause })
    }
  }

  /**
   * Ends the job: at once while it waits; where it runs, its signal aborts, and after a grace it is stopped.
   *
   * @throws UnknownJobError
   */
  cancel(): Promise<CancelOutcome> {
    return this.#access.cancel(this.id)
  }

  /** @throws UnknownJobError */
  state(): Promise<JobState> {
    return this.#access.state(this.id)
  }

  /** What happened to the job, oldest first, what its attempts logged, and what it is called with. @throws UnknownJobError */
  story(): Promise<ToldStory> {
    return this.#access.story(this.id)
  }

  /**
   * The job as it stands, now and whenever something has happened to it: its start, its progress, a retry; to the last as it ended. Who takes them slowly gets fewer, each as
   * the job is then.
   *
   * @param options.signal ends it: who waits catches the signal's reason
   * @throws UnknownJobError, PayloadMissingError, BackendError, ClosedError
   *
   * @example
   * for await (const { state, progress } of job.watch()) console.log(state, progress?.done)
   */
  watch(options: Pick<ResultOptions, 'signal'> = {}): AsyncGenerator<JobRecord, void, undefined> {
    return this.#access.watch(this.id, options)
  }

  /** The job as it stands, with its progress and its result. @throws UnknownJobError, PayloadMissingError */
  read(): Promise<JobRecord> {
    return this.#access.read(this.id)
  }
}
