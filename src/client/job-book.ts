import type { Backend } from '../backends/backend.ts'
import { redeem } from '../backends/payloads/claims.ts'
import { argsName, resultName } from '../backends/payloads/payload-names.ts'
import type { PayloadStore } from '../backends/payloads/payload-store.ts'
import type { JobFilter } from '../backends/store.ts'
import type { KeptStory } from '../jobs/history.ts'
import type { Job } from '../jobs/job.ts'
import { type JobState, isFinal } from '../jobs/states.ts'
import { InvalidOptionError, PayloadTooLargeError, UnknownJobError } from '../kernel/errors.ts'
import { checkOptions } from '../kernel/options.ts'
import { checkedArgs } from '../tasks/checked-args.ts'
import type { TaskRegistry } from '../tasks/registry.ts'
import { isReference } from '../wire/claim-check.ts'
import { decode, encode } from '../wire/codec.ts'
import { leadOf, openEnvelope } from '../wire/envelope.ts'
import { type CancelFilter, type ListFilter, type PurgeOptions, type RetryFilter, cancelFilter, listFilter, purgeFilter, retryFilter } from './job-filters.ts'
import type { CancelOutcome, JobRecord, RetryChanges, ToldStory } from './job-handle.ts'

export interface JobBookParts {
  readonly backend: Backend
  readonly registry: TaskRegistry
  readonly payloads: PayloadStore | undefined
  /** The largest payload of a message, in bytes. */
  readonly payloadLimit: number
}

/** So many jobs are listed, retried or removed in one transaction: a worker is never kept waiting long. */
const pageSize = 500

/** Finds and reads jobs that are kept, has them begin anew, ends and removes them: what `Client` says of each method. */
export class JobBook {
  readonly #parts: JobBookParts

  constructor(parts: JobBookParts) {
    this.#parts = parts
  }

  /** As it is kept. @throws UnknownJobError */
  async job(id: string): Promise<Job> {
    const [job] = await this.#parts.backend.read([checkId(id)])
    if (!job) throw new UnknownJobError(id)
    return job
  }

  async list(filter: ListFilter): Promise<readonly JobRecord[]> {
    return (await this.#parts.backend.list(listFilter(filter))).map((job) => recordOf(job, job.result && isReference(job.result) ? undefined : job.result))
  }

  async read(id: string): Promise<JobRecord> {
    const job = await this.job(id)
    return recordOf(job, await this.resultOf(job))
  }

  /** From the payload store, where it is large. @throws PayloadMissingError */
  async resultOf({ id, token, result }: Job): Promise<Uint8Array | undefined> {
    return result && isReference(result) ? redeem(this.#parts.payloads, resultName(id, token), result, `The result of job ${id}`) : result
  }

  async story(id: string): Promise<ToldStory> {
    const { history, logs, payload, original } = await this.#story(id)
    const args = await this.#argsOf(id, payload).catch(() => undefined)
    const originalArgs = original && await this.#argsOf(id, original).catch(() => undefined)
    return { history, logs, ...(args ? { args } : {}), ...(originalArgs ? { originalArgs } : {}) }
  }

  async cancel(id: string): Promise<CancelOutcome> {
    const { backend } = this.#parts
    if (isFinal((await this.job(id)).state)) return 'finished'
    const [state] = await backend.commit([{ job: id, event: 'cancel' }])
    if (state === undefined) throw new UnknownJobError(id)
    if (state !== 'active') return state === 'cancelled' ? 'cancelled' : 'finished'
    const { worker } = await this.job(id)
    const { workers } = await backend.stats()
    return worker === undefined || workers.some((alive) => alive.id === worker) ? 'stopping' : 'unreachable'
  }

  async cancelAll(filter: CancelFilter): Promise<Partial<Record<CancelOutcome, number>>> {
    const outcomes: Partial<Record<CancelOutcome, number>> = {}
    const { backend } = this.#parts
    for await (const page of this.#pages(cancelFilter(filter))) {
      const open = page.filter(({ state }) => !isFinal(state))
      const states = await backend.commit(open.map(({ id }) => ({ job: id, event: 'cancel' as const })))
      const active = open.filter((_, at) => states[at] === 'active')
      const running = active.length === 0 ? [] : await backend.read(active.map(({ id }) => id))
      const alive = new Set(active.length === 0 ? [] : (await backend.stats()).workers.map(({ id }) => id))
      const held = running.map((job): CancelOutcome => job?.worker === undefined || alive.has(job.worker) ? 'stopping' : 'unreachable')
      const rest = states.filter((state) => state !== 'active' && state !== undefined).map((state): CancelOutcome => state === 'cancelled' ? 'cancelled' : 'finished')
      for (const outcome of [...held, ...rest]) outcomes[outcome] = (outcomes[outcome] ?? 0) + 1
    }
    return outcomes
  }

  async retry(id: string, changed: RetryChanges): Promise<JobState> {
    const { args } = checkOptions('retry()', changed, { args: true })
    const payload = args === undefined ? undefined : await this.#resealed(checkId(id), args)
    const [state] = await this.#parts.backend.commit([{ job: checkId(id), event: 'revive', ...(payload ? { payload } : {}) }])
    if (state === undefined) throw new UnknownJobError(id)
    return state
  }

  async retryAll(filter: RetryFilter): Promise<number> {
    let retried = 0
    for await (const page of this.#pages(retryFilter(filter))) {
      const states = await this.#parts.backend.commit(page.map(({ id }) => ({ job: id, event: 'revive' as const })))
      retried += states.filter((state) => state === 'ready').length
    }
    return retried
  }

  async purge(options: PurgeOptions): Promise<number> {
    const { backend, payloads } = this.#parts
    const filter = { ...purgeFilter(options), limit: pageSize }
    let purged = 0
    for (let from: string | undefined; ;) {
      const { jobs, next } = await backend.purge({ ...filter, ...(from === undefined ? {} : { from }) })
      await payloads?.forget(jobs)
      purged += jobs.length
      if (next === undefined) return purged
      from = next
    }
  }

  /** Jobs that match, some at a time. */
  async *#pages(filter: Omit<JobFilter, 'limit' | 'after'>): AsyncGenerator<readonly Job[], void, undefined> {
    for (let after: string | undefined; ;) {
      const page = await this.#parts.backend.list({ ...filter, ...(after === undefined ? {} : { after }), limit: pageSize })
      if (page.length === 0) return
      yield page
      after = page.at(-1)!.id
    }
  }

  async #story(id: string): Promise<KeptStory> {
    const story = await this.#parts.backend.story(checkId(id))
    if (!story) throw new UnknownJobError(id)
    return story
  }

  async #argsOf(id: string, payload: Uint8Array): Promise<readonly unknown[]> {
    const { args } = openEnvelope(payload)
    return decode(isReference(args) ? await redeem(this.#parts.payloads, argsName(id), args, `What job ${id} is called with`) : args) as readonly unknown[]
  }

  /** A job's envelope with other arguments. */
  async #resealed(id: string, args: readonly unknown[]): Promise<Uint8Array> {
    if (!Array.isArray(args)) throw new InvalidOptionError('args', args, 'the list of the arguments')
    const { registry, payloadLimit } = this.#parts
    const [job, { payload: before }] = [await this.job(id), await this.#story(id)]
    if (registry.has(job.task)) await checkedArgs(registry.get(job.task), args)
    const payload = encode(args, `The arguments of '${job.task}'`, 'args', leadOf(openEnvelope(before).header))
    if (payload.length > payloadLimit) throw new PayloadTooLargeError(`The call of '${job.task}'`, payload.length, payloadLimit)
    return payload
  }
}

function recordOf(job: Job, result: Uint8Array | undefined): JobRecord {
  const { parent } = job
  return { ...job, result: result && decode(result), parent: parent && { job: parent.job, state: parent.state } }
}

/** @throws InvalidOptionError where it is no id */
export function checkId(id: unknown): string {
  if (typeof id !== 'string') throw new InvalidOptionError('job', id, "a job's id")
  return id
}
