import { deposit } from '../backends/payloads/claims.ts'
import { argsName } from '../backends/payloads/payload-names.ts'
import type { PayloadStore } from '../backends/payloads/payload-store.ts'
import type { Taken } from '../backends/broker.ts'
import type { Store } from '../backends/store.ts'
import type { NewJob } from '../jobs/job.ts'
import { openEnvelope, sealEnvelope } from '../wire/envelope.ts'
import type { Enqueuer } from './enqueuer.ts'

/** Takes jobs to be kept. */
export type Keeper = Pick<Enqueuer, 'add' | 'settled'>

/**
 * Puts arguments that are too large for a message into the payload store, before their jobs are published.
 *
 * Invariant: whoever reserves a job finds its arguments. So they are there first, and are removed again only where it is seen that
 * the job was not kept.
 */
export class ArgsDepot implements Keeper {
  readonly #next: Keeper
  readonly #store: Store
  readonly #payloads: PayloadStore
  readonly #limit: number
  readonly #underWay = new Set<Promise<unknown>>()

  /** @param limit the largest payload of a message, in bytes */
  constructor(next: Keeper, store: Store, payloads: PayloadStore, limit: number) {
    this.#next = next
    this.#store = store
    this.#payloads = payloads
    this.#limit = limit
  }

  add(jobs: readonly NewJob[]): Promise<readonly Taken[]> {
    if (jobs.every(({ payload }) => payload.length <= this.#limit)) return this.#next.add(jobs)
    const added = this.#add(jobs)
    this.#underWay.add(added)
    const forget = (): void => void this.#underWay.delete(added)
    added.then(forget, forget)
    return added
  }

  async settled(): Promise<void> {
    await Promise.allSettled(this.#underWay)
    await this.#next.settled()
  }

  async #add(jobs: readonly NewJob[]): Promise<readonly Taken[]> {
    const large: string[] = []
    try {
      const light: NewJob[] = []
      for (const job of jobs) {
        if (job.payload.length > this.#limit) large.push(job.id)
        light.push(job.payload.length > this.#limit ? await this.#lightened(job) : job)
      }
      const taken = await this.#next.add(light)
      // What stands for these has arguments of its own.
      const refused = new Set(taken.map(({ job }) => job))
      if (refused.size > 0) await this.#withdraw(large.filter((job) => refused.has(job)))
      return taken
    } catch (error) {
      await this.#withdraw(large)
      throw error
    }
  }

  async #lightened(job: NewJob): Promise<NewJob> {
    const { header, args } = openEnvelope(job.payload)
    return { ...job, payload: sealEnvelope(header, await deposit(this.#payloads, argsName(job.id), args)) }
  }

  /** Where nobody can say whether a job was kept, its arguments stay: a file too many is better than a job that cannot run. */
  async #withdraw(jobs: readonly string[]): Promise<void> {
    try {
      const known = await this.#store.read(jobs)
      await this.#payloads.delete(jobs.filter((_, index) => known[index] === undefined).map(argsName))
    } catch {
      // The first error is the one to hear of.
    }
  }
}
