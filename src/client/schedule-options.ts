import type { MissedSlots, Schedule, ScheduleRule } from '../jobs/schedule.ts'
import { type Duration, milliseconds, waitable } from '../kernel/duration.ts'
import { InvalidOptionError } from '../kernel/errors.ts'
import { checkOptions } from '../kernel/options.ts'

/** When a schedule's slots are: by a cron pattern, every so long, or once. */
export type ScheduleTimes =
  | {
    /**
     * Minute, hour, day, month, day of the week, such as `'0 3 * * 1-5'`; with seconds before them, or a year behind that; or `'@daily'`.
     *
     * A time of day that does not exist, where clocks are put forward, comes as the missing hour ends; one that comes twice, where they are put back, comes in
     * the first of the two hours. Patterns that name no hour, such as `'0,30 * * * *'`, go on through both.
     */
    cron: string
    /** Such as `'Europe/Berlin'`. Default: `'UTC'`. */
    timeZone?: string
    every?: never
    from?: never
    at?: never
  }
  | {
    /** At least 100 ms. */
    every: Duration
    /** A slot from which the others are counted. Default: so long before the first one, which comes that long after the schedule was made. */
    from?: Date | number
    cron?: never
    timeZone?: never
    at?: never
  }
  | {
    /** The only slot. Where it has passed already, it was missed. */
    at: Date | number
    cron?: never
    timeZone?: never
    every?: never
    from?: never
  }

export type ScheduleOptions = ScheduleTimes & {
  /**
   * What becomes of slots that came while no scheduler ran: `'once'`: one job, for the newest; `'skip'`: none, unless the newest
   * is no more than a minute late; `{ all: 5 }`: a job for each of the newest five. Default: `'once'`.
   */
  missed?: MissedSlots
  /** The job of each slot may start up to so much later, by chance: so that not all begin at once. Default: 0. */
  jitter?: Duration
}

/** Which schedule, and how it was set: times are milliseconds since the epoch, durations milliseconds. */
export interface ScheduleRecord extends Pick<Schedule, 'name' | 'rule' | 'missed' | 'jitter' | 'paused' | 'nextSlot' | 'lastSlot'> {
  readonly task: string
  readonly queue: string
  readonly priority: number
  readonly tags: readonly string[]
}

/** What a schedule is to do, checked: `from` of an interval is left open where nobody said it. */
export interface ScheduleSetting extends Pick<Schedule, 'missed' | 'jitter'> {
  readonly rule: ScheduleRule | { readonly every: number, readonly from: undefined }
}

const shortestInterval = 100
const mostMissed = 1_000
const names = { cron: true, timeZone: true, every: true, from: true, at: true, missed: true, jitter: true } as const

/** @throws InvalidOptionError; not for what a cron pattern says */
export function scheduleSetting(options: ScheduleOptions): ScheduleSetting {
  const { missed = 'once', jitter = 0 } = checkOptions('schedule()', options, names)
  const isCount = typeof missed === 'object' && missed !== null && Object.keys(missed).join() === 'all' && Number.isInteger(missed.all) && missed.all >= 1 && missed.all <= mostMissed
  if (missed !== 'skip' && missed !== 'once' && !isCount) throw new InvalidOptionError('schedule(): missed', missed, "'skip', 'once', or { all: n } with a whole number from 1 to 1,000")
  return { rule: ruleOf(options), missed: isCount ? { all: missed.all } : missed, jitter: waitable(milliseconds(jitter, 'schedule(): jitter'), 'schedule(): jitter') }
}

function ruleOf(options: ScheduleTimes): ScheduleSetting['rule'] {
  const { cron, timeZone, every, from, at } = options
  if ([cron, every, at].filter((one) => one !== undefined).length !== 1 || (timeZone !== undefined && cron === undefined) || (from !== undefined && every === undefined)) {
    throw new InvalidOptionError('schedule()', options, 'one of these: cron, perhaps with timeZone; every, perhaps with from; at')
  }
  if (cron !== undefined) return { cron, timeZone: timeZone ?? 'UTC' }
  if (at !== undefined) return { at: time('at', at) }
  const interval = waitable(milliseconds(every, 'schedule(): every'), 'schedule(): every')
  if (!Number.isInteger(interval) || interval < shortestInterval) throw new InvalidOptionError('schedule(): every', every, 'a whole number of milliseconds, at least 100')
  return { every: interval, from: from === undefined ? undefined : time('from', from) }
}

function time(name: string, value: Date | number): number {
  const ms = Number(value)
  if (!(typeof value === 'number' || value instanceof Date) || !Number.isInteger(ms) || Number.isNaN(new Date(ms).getTime())) {
    throw new InvalidOptionError(`schedule(): ${name}`, value, 'a Date, or whole milliseconds since the epoch')
  }
  return ms
}

/** `schedule:` before it is a tag. @throws InvalidOptionError */
export function checkScheduleName(name: unknown): string {
  if (typeof name !== 'string' || !/^[\w.:-]{1,90}$/.test(name)) throw new InvalidOptionError('The name of a schedule', name, '1 to 90 letters, digits, or . : - _')
  return name
}
