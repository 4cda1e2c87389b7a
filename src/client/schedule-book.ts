import type { Backend } from '../backends/backend.ts'
import type { NewJob } from '../jobs/job.ts'
import { type Schedule, type ScheduleRule, extraJob, slotsOf, waitingFrom } from '../jobs/schedule.ts'
import { InvalidOptionError, UnknownScheduleError } from '../kernel/errors.ts'
import { encode } from '../wire/codec.ts'
import { type ScheduleOptions, type ScheduleRecord, type ScheduleSetting, checkScheduleName, scheduleSetting } from './schedule-options.ts'

const pageSize = 500

/** Beside a job's own tags stand that of its schedule and that of its slot. */
const mostTags = 18

const blank = { revision: '', paused: false, since: 0, nextSlot: undefined, lastSlot: undefined }

/** Makes and changes schedules: each time as one that saw what it changes, so that nothing that others do meanwhile is undone. */
export class ScheduleBook {
  readonly #backend: Backend
  readonly #nextId: () => string

  constructor(backend: Backend, nextId: () => string) {
    this.#backend = backend
    this.#nextId = nextId
  }

  async put(name: string, options: ScheduleOptions, call: Schedule['call']): Promise<ScheduleRecord> {
    const setting = scheduleSetting(options)
    if (call.tags.length > mostTags) throw new InvalidOptionError('The tags of a scheduled task', call.tags, `up to ${mostTags}`)
    return recordOf(await this.#change(name, async (before, now) => {
      const rule = resolved(setting.rule, before?.rule, now)
      const slots = await slotsOf(rule)
      if ('cron' in rule && slots.after(now) === undefined) throw new InvalidOptionError('cron', rule.cron, 'a pattern that some day fits')
      const schedule = { ...before ?? { ...blank, name }, ...setting, rule, call }
      if (before && isSame(before.rule, rule)) return schedule
      // A single time that has passed was missed, and may still be fired.
      return waitingFrom(schedule, slots, 'at' in rule ? 0 : now)
    }))
  }

  async all(): Promise<readonly ScheduleRecord[]> {
    const all: Schedule[] = []
    for (let after: string | undefined; ;) {
      const { schedules } = await this.#backend.schedules({ ...(after === undefined ? {} : { after }), limit: pageSize })
      all.push(...schedules)
      if (schedules.length < pageSize) return all.map(recordOf)
      after = schedules.at(-1)!.name
    }
  }

  async pause(name: string): Promise<void> {
    await this.#change(name, async (before) => ({ ...known(before, name), paused: true, nextSlot: undefined }))
  }

  async resume(name: string): Promise<void> {
    await this.#change(name, async (before, now) => {
      const schedule = known(before, name)
      return schedule.paused ? waitingFrom({ ...schedule, paused: false }, await slotsOf(schedule.rule), now) : schedule
    })
  }

  async remove(name: string): Promise<void> {
    await this.#change(name, async (before) => {
      known(before, name)
      return undefined
    })
  }

  /** A job of it that is of no slot. */
  async extraJob(name: string): Promise<NewJob> {
    const { schedules: [schedule] } = await this.#backend.schedules({ name: checkScheduleName(name), limit: 1 })
    return extraJob(known(schedule, name), this.#nextId)
  }

  /** Again, as often as somebody else was first. */
  async #change<Kept extends Schedule | undefined>(
    name: string,
    decide: (before: Schedule | undefined, now: number) => Promise<Kept>
  ): Promise<Kept> {
    checkScheduleName(name)
    for (;;) {
      const { now, schedules: [before] } = await this.#backend.schedules({ name, limit: 1 })
      const schedule = await decide(before, now)
      if (before && schedule && isSame(before, schedule)) return schedule
      const change = { name, seen: before?.revision, schedule: schedule && { ...schedule, revision: this.#nextId() }, jobs: [] }
      const [done] = await this.#backend.changeSchedules([change])
      if (done) return schedule
    }
  }
}

function known(before: Schedule | undefined, name: string): Schedule {
  if (!before) throw new UnknownScheduleError(name)
  return before
}

/** An interval of which nobody said where it begins goes on as it did. */
function resolved(rule: ScheduleSetting['rule'], before: ScheduleRule | undefined, now: number): ScheduleRule {
  if (!('every' in rule) || rule.from !== undefined) return rule
  return { every: rule.every, from: before && 'every' in before && before.every === rule.every ? before.from : now }
}

function isSame(a: unknown, b: unknown): boolean {
  return Buffer.compare(encode(a), encode(b)) === 0
}

function recordOf({ name, rule, missed, jitter, paused, nextSlot, lastSlot, call }: Schedule): ScheduleRecord {
  const { task, queue, priority, tags } = call
  return { name, rule, missed, jitter, paused, nextSlot, lastSlot, task, queue, priority, tags }
}
