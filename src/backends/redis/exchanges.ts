import { errorBytes } from '../../jobs/kept-error.ts'
import { briefly } from '../../jobs/queue-event.ts'
import type { Delivery, Settled, Settlement, ReserveRequest } from '../broker.ts'
import { Blob } from './blob.ts'
import * as broker from './broker-scripts.ts'
import { Detour } from './detour.ts'
import { type Batch, type ExchangeReply, askedExchange, exchangeUsual, handedDelivery, reservationOfUsual } from './exchange-usual.ts'
import * as replies from './replies.ts'
import type { Script } from './script.ts'

/** Runs a script. */
export type Run = <T>(script: Script, asked: object, blob: Blob) => Promise<T>

/** What the script of all exchanges is told besides. */
export interface ExchangeLimits {
  readonly expired: Uint8Array
  readonly whyExpired: string
  readonly mostAtOnce: number
}

/** Settles and reserves: what is usual by a script for that, and what is not by another. */
export class Exchanges {
  readonly #limits: ExchangeLimits
  readonly #database: string
  /** Queues that were seen to have gates or keys: what happens there is not usual. */
  readonly #gated: Set<string>
  /** The jobs that were taken through this handle, and not settled yet. */
  readonly #taken = new Map<string, Batch>()
  readonly #detour = new Detour()

  constructor(gated: Set<string>, database: string, limits: ExchangeLimits) {
    this.#database = database
    this.#gated = gated
    this.#limits = limits
  }

  /** Where a job is that was taken through this handle: others are looked for. */
  queueOf(job: string): string | undefined {
    return this.#taken.get(job)?.queue
  }

  /** What a worker was told that was handed a job; undefined where it has been told before: `last` is the latest. */
  handed(worker: string, told: Buffer, last: string | undefined): Delivery | undefined {
    const [delivery, batch] = handedDelivery(told, worker)
    if (delivery.job === last) return undefined
    this.#taken.set(delivery.job, batch)
    return delivery
  }

  /** @param run of this exchange: it may take two, of which the first did nothing then */
  async exchange(settlements: readonly Settlement[], request: ReserveRequest | undefined, run: Run): Promise<Settled> {
    const isUsual = settlements.every((settlement) => this.#isUsual(settlement)) && !request?.queues.some((queue) => this.#gated.has(queue))
    const usual = isUsual && this.#detour.mayTry() ? await this.#usual(settlements, request, run) : undefined
    return usual ?? this.#full(settlements, request, run)
  }

  #isUsual({ job, token, outcome }: Settlement): boolean {
    const batch = this.#taken.get(job)
    return outcome.event === 'succeed' && token === 1 && batch?.startedAt !== undefined && !this.#gated.has(batch.queue)
  }

  /** Undefined where something is unusual after all: then nothing was done. */
  async #usual(settlements: readonly Settlement[], request: ReserveRequest | undefined, run: Run): Promise<Settled | undefined> {
    const usual = askedExchange(settlements, request, this.#taken, this.#database)
    if (!usual) return undefined
    const answer = await run<ExchangeReply | replies.Bulk>(exchangeUsual, usual.asked, usual.blob)
    if (Buffer.isBuffer(answer)) this.#gated.add(String(answer))
    const isDone = Array.isArray(answer)
    this.#detour.tried(isDone)
    if (!isDone) return undefined
    for (const { job } of settlements) this.#taken.delete(job)
    return { stale: [], ...(request ? { reservation: reservationOfUsual(answer as ExchangeReply, request.worker, this.#taken) } : {}) }
  }

  async #full(settlements: readonly Settlement[], request: ReserveRequest | undefined, run: Run): Promise<Settled> {
    const blob = new Blob()
    const { expired, ...limits } = this.#limits
    const [stale, reply] = await run<[number[], replies.ReservationReply | null]>(broker.exchange, {
      settlements: settlements.map(({ job, token, outcome }) => ({ job, token, queue: this.queueOf(job), ...told(outcome, blob) })),
      ...(request ? { request: { ...request, queues: [...new Set(request.queues)] } } : {}), expired: blob.add(expired), ...limits
    }, blob)
    for (const { job } of settlements) this.#taken.delete(job)
    if (reply) this.#remember(reply, request!.worker)
    return {
      stale: stale.map((at) => ({ job: settlements[at]!.job, token: settlements[at]!.token })),
      ...(reply ? { reservation: replies.reservationOf(reply) } : {})
    }
  }

  /** Those that it took as the other script would have. */
  #remember([deliveries, , , now]: replies.ReservationReply, worker: string): void {
    const batches = new Map<string, Batch>()
    const startedAt = Number(now)
    for (const [job, , , , , , , , , name, isFirst] of deliveries) {
      const queue = String(name)
      let batch: Batch | undefined = { queue }
      if (isFirst === 1) {
        batch = batches.get(queue)
        if (!batch) batches.set(queue, batch = { queue, startedAt, worker })
      }
      this.#taken.set(String(job), batch)
    }
  }
}

/** An outcome, its bytes put into the blob. */
function told(outcome: Settlement['outcome'], blob: Blob): object {
  const { event } = outcome
  return {
    event,
    ...('delay' in outcome ? { delay: outcome.delay } : {}),
    ...('died' in outcome && outcome.died ? { died: true } : {}),
    ...('spent' in outcome ? outcome.spent : {}),
    ...('result' in outcome ? { result: blob.add(outcome.result) } : {}),
    ...('error' in outcome ? { error: blob.add(errorBytes(outcome.error)), why: JSON.stringify(briefly(outcome.error)) } : {})
  }
}
