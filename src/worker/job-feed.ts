import type { AttemptRef, Broker, Delivery, Reservation, ReserveRequest, Settlement } from '../backends/broker.ts'
import { afterMicrotasks } from '../concurrency/after-microtasks.ts'
import { WaitList } from '../concurrency/wait-list.ts'
import { type Line, lineOf } from '../jobs/job.ts'
import type { Clock, Timer } from '../kernel/clock.ts'
import type { Logger } from '../kernel/logger.ts'
import type { Lane } from './lane.ts'
import type { QueueDraw } from './queue-draw.ts'
import type { Reports } from './reports.ts'

export interface JobFeedParts {
  readonly broker: Broker
  readonly clock: Clock
  readonly log: Logger
  readonly worker: string
  readonly queues: readonly string[]
  /** Where they have weights: which is asked next. */
  readonly draw?: QueueDraw
  readonly lease: number
  readonly lanes: ReadonlyMap<Line, Lane>
  readonly reports: Reports
  start(delivery: Delivery): void
  cancel(attempt: AttemptRef): void
  stale(attempt: AttemptRef): void
}

/** How long an outcome may wait for others to be settled with, in milliseconds: only while its lane has work in hand. */
const latest = 1

/** How long to wait before a broker that failed is asked again, in milliseconds. */
const pause = 500

/** So many exchanges are under way at most: while the broker is at one, the worker makes the next. */
const mostAtOnce = 2

/** An exchange that is under way, or rests since the broker failed it. */
interface Exchange {
  readonly ended: readonly Settlement[]
  readonly request: ReserveRequest | undefined
  /** How often the worker had been woken by then. */
  readonly wakes: number
  /** On the clock's `elapsed()`. */
  readonly since: number
  /** It has in it what the broker has failed. */
  readonly isAgain: boolean
}

/**
 * Moves jobs in and outcomes out: settles all that ended in one tick, and in the same breath reserves what there is room for.
 *
 * Invariant: an outcome is forgotten only when the broker has answered for it.
 */
export class JobFeed {
  readonly #parts: JobFeedParts
  #ended: Settlement[] = []
  readonly #quiet = new WaitList('The end of the exchange')
  readonly #abandoned = new AbortController()
  readonly #underWay = new Set<Exchange>()
  /** Of those, how many the broker has failed. */
  #resting = 0
  /** Since when it has failed one again and again. */
  #failingSince: number | undefined
  #isAgain = false
  #asked = false
  #lookAgain = false
  #wakes = 0
  /** How many jobs it was handed. */
  #handed = 0
  #open = true
  #paused = false
  /** It waits to be handed a job, or asked to: where the broker hands it none all the same, it is woken as ever. */
  #waits = false
  #due: { readonly at: number, readonly timer: Timer } | undefined
  #late: Timer | undefined

  constructor(parts: JobFeedParts) {
    this.#parts = parts
  }

  /** There may be jobs, or cancels, that were not there before. */
  wake(): void {
    for (const lane of this.#parts.lanes.values()) lane.mayHaveMore = true
    this.#parts.draw?.refill()
    this.#lookAgain = true
    this.#wakes++
    this.#ask()
  }

  /** Takes a job that was handed to it. */
  take(delivery: Delivery): void {
    this.#waits = false
    this.#handed++
    this.#startWithin(delivery)
  }

  /** @param lane where the attempt was held: while that has work in hand, the outcome may wait a little for others */
  settle(settlement: Settlement, lane: Lane | undefined): void {
    this.#ended.push(settlement)
    if (!lane || lane.held === 0 || lane.hungry) return this.#ask()
    this.#late ??= this.#parts.clock.after(latest, () => {
      this.#late = undefined
      this.#ask()
    })
  }

  /** Since when an exchange has been tried, once or again and again, on the clock's `elapsed()`; undefined while none is. */
  get askedAt(): number | undefined {
    const since = [...this.#underWay].map((exchange) => exchange.since)
    if (this.#failingSince !== undefined) since.push(this.#failingSince)
    return since.length === 0 ? undefined : Math.min(...since)
  }

  /** What has ended, and the broker has not answered for. */
  get unsettled(): readonly AttemptRef[] {
    return [...[...this.#underWay].flatMap(({ ended }) => ended), ...this.#ended]
  }

  /** Whether it takes no jobs for now; cancels are still heard of. */
  get paused(): boolean {
    return this.#paused
  }

  set paused(paused: boolean) {
    this.#paused = paused
    if (paused) {
      // So that it is handed none.
      this.#lookAgain ||= this.#waits
      this.#ask()
    } else this.wake()
  }

  /** Takes no more jobs. */
  stop(): void {
    this.#open = false
    this.#due?.timer[Symbol.dispose]()
    this.#due = undefined
  }

  /** Asks no more, whatever is left: the broker does not answer, and the leases run out by themselves. */
  abandon(): void {
    this.#open = false
    this.#abandoned.abort()
  }

  /** Until every outcome so far is settled. */
  async settled(): Promise<void> {
    while ((this.#underWay.size > 0 || this.#ended.length > 0) && !this.#abandoned.signal.aborted) {
      const quiet = this.#quiet.wait()
      this.#ask()
      await quiet
    }
  }

  /** An exchange, soon: together with whatever else this tick brings. */
  #ask(): void {
    if (this.#asked || this.#underWay.size === mostAtOnce || this.#abandoned.signal.aborted) return
    this.#asked = true
    afterMicrotasks(() => {
      this.#asked = false
      this.#begin()
    })
  }

  /** An exchange, where there is something to settle or to ask for. */
  #begin(): void {
    if (this.#underWay.size === mostAtOnce || this.#resting > 0 || this.#abandoned.signal.aborted) return
    const request = this.#request()
    if (this.#ended.length === 0 && !request) return
    const exchange: Exchange = { ended: this.#ended, request, wakes: this.#wakes, since: this.#parts.clock.elapsed(), isAgain: this.#isAgain }
    this.#ended = []
    this.#isAgain = false
    this.#lookAgain = false
    this.#late?.[Symbol.dispose]()
    this.#late = undefined
    void this.#try(exchange)
  }

  async #try(exchange: Exchange): Promise<void> {
    const { clock, log } = this.#parts
    this.#underWay.add(exchange)
    try {
      await this.#exchange(exchange)
      if (exchange.isAgain) this.#failingSince = undefined
    } catch (error) {
      log.error({ err: error }, 'the broker did not answer; it is asked again')
      this.#failingSince ??= exchange.since
      this.#isAgain = true
      this.#lookAgain = true
      this.#resting++
      await clock.sleep(pause, this.#abandoned.signal)
      this.#resting--
      this.#ended = [...exchange.ended, ...this.#ended]
    }
    this.#underWay.delete(exchange)
    this.#begin()
    if (this.#underWay.size === 0) this.#quiet.wakeAll()
  }

  async #exchange(exchange: Exchange): Promise<void> {
    const { broker, reports, lanes } = this.#parts
    const { ended, request } = exchange
    const handedBefore = this.#handed
    if (request) this.#waits = false
    for (const [line, lane] of lanes) lane.ask(request?.room[line] ?? 0)
    let reservation: Reservation | undefined
    try {
      if (ended.some(({ job }) => reports.has(job))) await reports.flush()
      if (ended.length === 0) reservation = await broker.reserve(request!)
      else {
        const settled = await broker.settle(ended, request)
        for (const attempt of settled.stale) this.#parts.stale(attempt)
        reservation = settled.reservation
      }
    } finally {
      for (const [line, lane] of lanes) lane.answered(request?.room[line] ?? 0)
    }
    if (!request || !reservation) return
    this.#waits = request.waits === true && reservation.deliveries.length === 0 && handedBefore === this.#handed
    // It was paused meanwhile: the broker is to hear that.
    if (this.#waits && this.#paused) this.#lookAgain = true
    this.#take(request, reservation, exchange.wakes, handedBefore === this.#handed)
  }

  /** What it was handed while it asked was not asked for: of both, what there is no room for goes back, for whoever has. */
  #startWithin(delivery: Delivery): void {
    if (this.#parts.lanes.get(lineOf(delivery))?.isFull) this.settle({ job: delivery.job, token: delivery.token, outcome: { event: 'release' } }, undefined)
    else this.#parts.start(delivery)
  }

  #request(): ReserveRequest | undefined {
    if (!this.#open) return undefined
    const { worker, queues, draw, lease } = this.#parts
    // It hears of cancels all the same, and renews its lease.
    if (this.#paused) return this.#lookAgain ? { worker, queues, room: {}, lease } : undefined
    const rests = this.#rests
    const asking = [...this.#parts.lanes].filter(([, lane]) => (rests && !this.#waits) || (lane.mayHaveMore && (this.#lookAgain || lane.hungry)))
    if (asking.length === 0 && !this.#lookAgain) return undefined
    const next = draw?.next(asking.map(([line]) => line))
    const room = Object.fromEntries(asking.filter(([line]) => next === undefined || draw!.mayHave(next, line)).map(([line, lane]) => [line, lane.room]))
    return { worker, queues: next === undefined ? queues : [next], room, lease, ...(rests ? { waits: true } : {}) }
  }

  /** It has nothing to do, and can be handed a job. Not where queues have weights: it asks for one at a time then. */
  get #rests(): boolean {
    const { broker, draw, lanes } = this.#parts
    return broker.receive !== undefined && draw === undefined && this.#underWay.size === 0 && lanes.values().every(({ held }) => held === 0)
  }

  /**
   * An earlier timer stays: an exchange that asked for some lanes only may have made a job ready for another,
   * and then no later answer speaks of its time any more.
   */
  #wakeIn(ms: number): void {
    const { clock } = this.#parts
    const at = clock.elapsed() + ms
    if (!this.#open || ms === Infinity || (this.#due && this.#due.at <= at)) return
    this.#due?.timer[Symbol.dispose]()
    const timer = clock.after(ms, () => {
      this.#due = undefined
      this.wake()
    })
    this.#due = { at, timer }
  }

  /** @param isAlone it was handed nothing while it asked */
  #take(request: ReserveRequest, reservation: Reservation, wakes: number, isAlone: boolean): void {
    const got = new Map<Line, number>()
    for (const delivery of reservation.deliveries) {
      if (isAlone) this.#parts.start(delivery)
      else this.#startWithin(delivery)
    }
    for (const delivery of reservation.deliveries) got.set(lineOf(delivery), (got.get(lineOf(delivery)) ?? 0) + 1)
    const { draw } = this.#parts
    for (const [line, lane] of this.#parts.lanes) {
      if (wakes !== this.#wakes || (got.get(line) ?? 0) >= (request.room[line] ?? 0)) continue
      // With weights, one queue was asked: others may have what it had not.
      lane.mayHaveMore = draw !== undefined && !draw.emptied(request.queues[0]!, line)
    }
    for (const attempt of reservation.cancelling) this.#parts.cancel(attempt)
    this.#wakeIn(reservation.nextDue)
  }
}
