import type { NewJob } from '../../jobs/job.ts'
import type { Schedule } from '../../jobs/schedule.ts'
import { type DueSchedules, type ScheduleChange, type ScheduleFilter, type ScheduleList, comesSooner } from '../schedules.ts'

interface KeptSchedulesParts {
  publish(job: NewJob, now: number): void
  /** A slot comes sooner than was known. */
  sooner(): void
}

/** The schedules of a memory backend. */
export class KeptSchedules {
  readonly #byName = new Map<string, Schedule>()
  readonly #parts: KeptSchedulesParts

  constructor(parts: KeptSchedulesParts) {
    this.#parts = parts
  }

  list({ name, after, limit }: ScheduleFilter, now: number): ScheduleList {
    const named = [...this.#byName.values()].filter((one) => (name === undefined || one.name === name) && (after === undefined || one.name > after))
    return { now, schedules: named.sort((a, b) => a.name < b.name ? -1 : 1).slice(0, limit) }
  }

  due(limit: number, now: number): DueSchedules {
    const waiting = [...this.#byName.values()].filter(({ nextSlot }) => nextSlot !== undefined).sort((a, b) => a.nextSlot! - b.nextSlot!)
    const next = waiting.find(({ nextSlot }) => nextSlot! > now)
    return { now, schedules: waiting.filter(({ nextSlot }) => nextSlot! <= now).slice(0, limit), nextDue: (next?.nextSlot ?? Infinity) - now }
  }

  change(changes: readonly ScheduleChange[], now: number): readonly boolean[] {
    return changes.map(({ name, seen, schedule, jobs }) => {
      const before = this.#byName.get(name)
      if (before?.revision !== seen) return false
      if (schedule) this.#byName.set(name, schedule)
      else this.#byName.delete(name)
      if (comesSooner(before?.nextSlot, schedule?.nextSlot)) this.#parts.sooner()
      for (const job of jobs) this.#parts.publish(job, now)
      return true
    })
  }
}
