import type { AttemptRef } from '../backends/broker.ts'
import { deposit, redeem } from '../backends/payloads/claims.ts'
import { argsName, resultName } from '../backends/payloads/payload-names.ts'
import type { PayloadStore } from '../backends/payloads/payload-store.ts'
import type { Store } from '../backends/store.ts'
import type { Outcome } from '../executors/executor.ts'
import type { Logger } from '../kernel/logger.ts'

/** Results larger than this go to the payload store, in bytes: as much as an enqueuer puts into a message, by default. */
const resultLimit = 2 ** 20

type Returned = Extract<Outcome, { kind: 'returned' }>

/** A worker's dealings with the payload store: fetches large arguments, keeps large results, removes those that came too late. */
export class PayloadDesk {
  readonly #payloads: PayloadStore
  readonly #store: Store
  readonly #log: Logger
  readonly #removing = new Set<Promise<void>>()

  constructor(payloads: PayloadStore, store: Store, log: Logger) {
    this.#payloads = payloads
    this.#store = store
    this.#log = log
  }

  /** @throws PayloadMissingError; what the payload store throws */
  fetch(job: string, reference: Uint8Array): Promise<Uint8Array> {
    return redeem(this.#payloads, argsName(job), reference, `What job ${job} is called with`)
  }

  /** The large result of another job. @throws as `fetch` */
  fetchResult({ job, token, outcome }: { readonly job: string, readonly token: number, readonly outcome: Uint8Array }): Promise<Uint8Array> {
    return redeem(this.#payloads, resultName(job, token), outcome, `The result of job ${job}`)
  }

  takes(outcome: Outcome): outcome is Returned {
    return outcome.kind === 'returned' && (outcome.value as Uint8Array).length > resultLimit
  }

  /** @throws what the payload store throws */
  async keep({ job, token }: AttemptRef, outcome: Returned): Promise<Returned> {
    return { ...outcome, value: await deposit(this.#payloads, resultName(job, token), outcome.value as Uint8Array) }
  }

  /** The attempt's outcome was refused: what it kept is nobody's. */
  refused(attempt: AttemptRef): void {
    const removing = this.#remove(attempt).catch((error: unknown) => this.#log.warn({ err: error, ...attempt }, 'a result that was refused could not be removed; it goes with its job'))
    this.#removing.add(removing)
    void removing.then(() => this.#removing.delete(removing))
  }

  /** Until what was refused is removed. */
  async settled(): Promise<void> {
    await Promise.all(this.#removing)
  }

  /** A broker whose answer was lost is told twice, and refuses the second time what it accepted the first. */
  async #remove({ job, token }: AttemptRef): Promise<void> {
    const [known] = await this.#store.read([job])
    if (known?.state !== 'succeeded' || known.token !== token) await this.#payloads.delete([resultName(job, token)])
  }
}
