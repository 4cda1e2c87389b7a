import type { Backend } from '../../backends/backend.ts'
import { type ScheduleChange, scheduleNews } from '../../backends/schedules.ts'
import { type Schedule, fallDue, slotJob, slotsOf } from '../../jobs/schedule.ts'
import type { Clock } from '../../kernel/clock.ts'
import { idMaker } from '../../kernel/id.ts'
import type { Logger } from '../../kernel/logger.ts'

/** So often it looks whatever it was told: a notice may have been lost, and the backend's clock set. In milliseconds. */
const longestRest = 30_000

/** How long it waits before a backend that failed is asked again, in milliseconds. */
const pause = 1_000

/** Who was second lets the first go first, by up to so many milliseconds, while that one is there: so not all schedulers write for each slot. */
const headStart = 100

/** So many schedules are fired in one transaction, and no more once they have so many jobs: others wait for it, and this thread has leases to renew. */
const atOnce = 100
const jobsAtOnce = 1_000

/**
 * Fires schedules whose slots have come on the backend's clock. Any number of them may run: a change that somebody else made first is refused, and with it
 * the jobs.
 */
export class Scheduler {
  readonly #backend: Backend
  readonly #clock: Clock
  readonly #log: Logger
  /** By the backend's time: ids are the order of jobs. */
  readonly #nextId: () => string
  #now = 0
  #wasSecond = false
  /** Aborts when a slot may come sooner than was told. */
  #news = new AbortController()

  constructor(backend: Backend, clock: Clock, log: Logger) {
    this.#backend = backend
    this.#clock = clock
    this.#log = log
    this.#nextId = idMaker({ now: () => this.#now })
  }

  /** Until `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    using _listening = this.#backend.listen([scheduleNews], () => this.#news.abort())
    while (!signal.aborted) {
      this.#news = new AbortController()
      const rest = await this.#turn()
      const behind = this.#wasSecond ? headStart * (1 + Math.random()) / 2 : 0
      if (rest > 0) await this.#clock.sleep(Math.min(rest + behind, longestRest), AbortSignal.any([signal, this.#news.signal]))
    }
  }

  /** @returns milliseconds until there may be something to do */
  async #turn(): Promise<number> {
    try {
      const { now, schedules, nextDue } = await this.#backend.dueSchedules(atOnce)
      this.#now = now
      const firings: ScheduleChange[] = []
      for (let at = 0, jobs = 0; at < schedules.length && jobs < jobsAtOnce; at++) {
        const firing = await this.#firing(schedules[at]!, now)
        if (firing) firings.push(firing)
        jobs += firing?.jobs.length ?? 0
      }
      if (firings.length === 0) return nextDue
      const done = await this.#backend.changeSchedules(firings)
      this.#wasSecond = done.includes(false)
      for (const [index, { name, jobs }] of firings.entries()) {
        if (!done[index]) continue
        if (jobs.length > 0) this.#log.debug({ schedule: name, jobs: jobs.length }, 'schedule fired')
        else this.#log.info({ schedule: name }, 'schedule skipped what it had missed')
      }
      return 0
    } catch (error) {
      this.#log.error({ err: error }, 'schedules could not be looked at; it is tried again')
      return pause
    }
  }

  /** One that cannot be fired here, such as in a time zone that this system does not know, keeps no other from it. */
  async #firing(schedule: Schedule, now: number): Promise<ScheduleChange | undefined> {
    const { name, revision } = schedule
    try {
      const { fire, after } = fallDue(schedule, await slotsOf(schedule.rule), now)
      const jobs = fire.map((slot) => slotJob(schedule, slot, now, this.#nextId))
      return { name, seen: revision, schedule: { ...after, revision: this.#nextId() }, jobs }
    } catch (error) {
      this.#log.error({ err: error, schedule: name }, 'a schedule could not be fired here; it is tried again')
      return undefined
    }
  }
}
