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

/** What an exchange was asked for. */
interface Asked {
  readonly request: ReserveRequest
  /** How often the worker had been woken by then. */
  readonly wakes: number
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
  /** Since when an exchange has been tried, once or again and again, on the clock's `elapsed()`; undefined while none is. */
  askedAt: number | undefined
  readonly #abandoned = new AbortController()
  #underWay = 0
  /** Exchanges that the broker has failed, and that are not tried again yet. */
  #resting = 0
  #asked = false
  #lookAgain = false
  #wakes = 0
  #open = true
  #paused = false
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

  /** @param lane where the attempt was held: while that has work in hand, the outcome may wait a little for others */
  settle(settlement: Settlement, lane: Lane | undefined): void {
    this.#ended.push(settlement)
    if (!lane || lane.hungry) return this.#ask()
    this.#late ??= this.#parts.clock.after(latest, () => {
      this.#late = undefined
      this.#ask()
    })
  }

  /** Whether it takes no jobs for now; cancels are still heard of. */
  get paused(): boolean {
    return this.#paused
  }

  set paused(paused: boolean) {
    this.#paused = paused
    if (!paused) this.wake()
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
    while ((this.#underWay > 0 || this.#ended.length > 0) && !this.#abandoned.signal.aborted) {
      const quiet = this.#quiet.wait()
      this.#ask()
      await quiet
    }
  }

  /** An exchange, soon: together with whatever else this tick brings. */
  #ask(): void {
    if (this.#asked || this.#underWay === mostAtOnce || this.#abandoned.signal.aborted) return
    this.#asked = true
    afterMicrotasks(() => {
      this.#asked = false
      this.#begin()
    })
  }

  /** An exchange, where there is something to settle or to ask for. */
  #begin(): void {
    if (this.#underWay === mostAtOnce || this.#resting > 0 || this.#abandoned.signal.aborted) return
    const request = this.#request()
    if (this.#ended.length === 0 && !request) return
    const ended = this.#ended
    this.#ended = []
    this.#lookAgain = false
    this.#late?.[Symbol.dispose]()
    this.#late = undefined
    void this.#try(ended, request && { request, wakes: this.#wakes })
  }

  async #try(ended: readonly Settlement[], asked: Asked | undefined): Promise<void> {
    const { clock, log } = this.#parts
    this.#underWay++
    this.askedAt ??= clock.elapsed()
    try {
      await this.#exchange(ended, asked)
      this.askedAt = this.#underWay === 1 ? undefined : clock.elapsed()
    } catch (error) {
      log.error({ err: error }, 'the broker did not answer; it is asked again')
      this.#ended = [...ended, ...this.#ended]
      this.#lookAgain = true
      this.#resting++
      await clock.sleep(pause, this.#abandoned.signal)
      this.#resting--
    }
    this.#underWay--
    this.#begin()
    if (this.#underWay === 0) this.#quiet.wakeAll()
  }

  async #exchange(ended: readonly Settlement[], asked: Asked | undefined): Promise<void> {
    const { broker, reports, lanes } = this.#parts
    const request = asked?.request
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
    if (asked && reservation) this.#take(asked, reservation)
  }

  #request(): ReserveRequest | undefined {
    if (!this.#open) return undefined
    const { worker, queues, draw, lease } = this.#parts
    // It hears of cancels all the same, and renews its lease.
    if (this.#paused) return this.#lookAgain ? { worker, queues, room: {}, lease } : undefined
    const asking = [...this.#parts.lanes].filter(([, lane]) => lane.mayHaveMore && (this.#lookAgain || lane.hungry))
    if (asking.length === 0 && !this.#lookAgain) return undefined
    const next = draw?.next(asking.map(([line]) => line))
    const room = Object.fromEntries(asking.filter(([line]) => next === undefined || draw!.mayHave(next, line)).map(([line, lane]) => [line, lane.room]))
    return { worker, queues: next === undefined ? queues : [next], room, lease }
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

  #take({ request, wakes }: Asked, reservation: Reservation): void {
    const got = new Map<Line, number>()
    for (const delivery of reservation.deliveries) this.#parts.start(delivery)
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
