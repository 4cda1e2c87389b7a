import type { Broker, Taken } from '../backends/broker.ts'
import { afterMicrotasks } from '../concurrency/after-microtasks.ts'
import type { NewJob } from '../jobs/job.ts'

interface Batch {
  readonly jobs: NewJob[]
  readonly kept: PromiseWithResolvers<readonly Taken[]>
}

/** Gathers the jobs of one tick into one publish. Each caller hears only after the broker has kept its job. */
export class Enqueuer {
  readonly #broker: Broker
  readonly #underWay = new Set<Batch>()
  #open: Batch | undefined

  constructor(broker: Broker) {
    this.#broker = broker
  }

  /** @returns which of the tick's jobs were not kept as they came, as `Broker.publish` does */
  add(jobs: readonly NewJob[]): Promise<readonly Taken[]> {
    if (!this.#open) {
      this.#open = { jobs: [], kept: Promise.withResolvers() }
      afterMicrotasks(() => void this.#send())
    }
    for (const job of jobs) this.#open.jobs.push(job)
    return this.#open.kept.promise
  }

  /** Until all that was added is kept, or refused. */
  async settled(): Promise<void> {
    while (this.#open) await this.#open.kept.promise.catch(() => {})
    await Promise.allSettled(Array.from(this.#underWay, ({ kept }) => kept.promise))
  }

  async #send(): Promise<void> {
    const batch = this.#open
    if (!batch) return
    this.#open = undefined
    this.#underWay.add(batch)
    try {
      batch.kept.resolve(await this.#broker.publish(batch.jobs))
    } catch (error) {
      batch.kept.reject(error)
    } finally {
      this.#underWay.delete(batch)
    }
  }
}
