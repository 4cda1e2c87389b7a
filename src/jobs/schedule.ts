import type { NewJob } from './job.ts'

/** When the slots of a schedule are. Times are milliseconds since the epoch. */
export type ScheduleRule =
  | { readonly cron: string, readonly timeZone: string }
  /** At `from`, and every so many milliseconds after it. */
  | { readonly every: number, readonly from: number }
  | { readonly at: number }

/** What becomes of slots that no scheduler fired in time: nothing, one job for the newest, or a job for each of the newest so many. */
export type MissedSlots = 'skip' | 'once' | { readonly all: number }

/** A schedule, as it is kept. */
export interface Schedule {
  readonly name: string
  /** Another one with each change: whoever changes a schedule names the one that it has seen. */
  readonly revision: string
  readonly rule: ScheduleRule
  readonly missed: MissedSlots
  /** Milliseconds. */
  readonly jitter: number
  /** What each slot's job is, but for its id; what it links has none either. */
  readonly call: Omit<NewJob, 'id'>
  readonly paused: boolean
  /** Slots up to this time are done with, or do not count. Never falls: so no slot is fired twice, whatever the clock does. */
  readonly since: number
  /** The first slot after `since`; undefined where it is paused, or none comes any more. */
  readonly nextSlot: number | undefined
  /** The newest slot that was fired. */
  readonly lastSlot: number | undefined
}

/** The slots of a rule. */
export interface Slots {
  /** The first one after `time`; undefined where there is none. */
  after(time: number): number | undefined
  /** The last ones that are not after `time`, at most `count`, the oldest first. */
  upTo(time: number, count: number): readonly number[]
}

/** A slot that is the newest one, and no more than so late, is on time, also for a schedule that skips those it missed. In milliseconds. */
const onTime = 60_000

/** @throws InvalidOptionError where the rule is one of cron, and no pattern or time zone */
export async function slotsOf(rule: ScheduleRule): Promise<Slots> {
  // Loaded by whoever has such a rule: no client without schedules pays for it.
  if ('cron' in rule) return (await import('./cron.ts')).cronSlots(rule.cron, rule.timeZone)
  return 'every' in rule ? intervalSlots(rule) : { after: (time) => rule.at > time ? rule.at : undefined, upTo: (time) => rule.at > time ? [] : [rule.at] }
}

function intervalSlots({ every, from }: { readonly every: number, readonly from: number }): Slots {
  const passed = (time: number): number => Math.floor((time - from) / every)
  return {
    after: (time) => time < from ? from : from + (passed(time) + 1) * every,
    upTo(time, count) {
      const last = passed(time)
      const first = Math.max(0, last - count + 1)
      return Array.from({ length: Math.max(0, last - first + 1) }, (_, at) => from + (first + at) * every)
    }
  }
}

/** The schedule, waiting for its first slot after `time`, if not for a later one already. */
export function waitingFrom(schedule: Schedule, slots: Slots, time: number): Schedule {
  const since = Math.max(time, schedule.since)
  return { ...schedule, since, nextSlot: schedule.paused ? undefined : slots.after(since) }
}

/** What is to be done at `now`: which slots to fire, the oldest first, and the schedule after that. */
export function fallDue(schedule: Schedule, slots: Slots, now: number): { readonly fire: readonly number[], readonly after: Schedule } {
  const { missed, since } = schedule
  const due = slotsBetween(slots, since, now, typeof missed === 'object' ? missed.all : 1)
  const fire = missed === 'skip' ? due.filter((slot) => now - slot <= onTime) : due
  const after = waitingFrom(schedule, slots, due.at(-1) ?? now)
  return { fire, after: { ...after, lastSlot: fire.at(-1) ?? schedule.lastSlot } }
}

/** The last ones, at most `count`. A pattern is searched for a few first: mostly there are no more, and to find a thousand takes 50 ms. */
function slotsBetween(slots: Slots, since: number, until: number, count: number): readonly number[] {
  for (let some = Math.min(2, count); ; some = Math.min(8 * some, count)) {
    const found = slots.upTo(until, some)
    if (some === count || found.length < some || found[0]! <= since) return found.filter((slot) => slot > since)
  }
}

/** A job as what every slot repeats. */
export function callOf(job: NewJob): Schedule['call'] {
  const { id: _id, ...call } = jobOf(job, () => '')
  return call
}

/** Each slot's job, and what it links, is another. */
function jobOf(call: Schedule['call'], nextId: () => string): NewJob {
  const { links } = call
  return { ...call, id: nextId(), ...(links ? { links: links.map(({ on, job }) => ({ on, job: jobOf(job, nextId) })) } : {}) }
}

/**
 * The job of a slot. It may start at the slot, or its jitter later.
 *
 * @param now of the backend that keeps it
 */
export function slotJob(schedule: Schedule, slot: number, now: number, nextId: () => string): NewJob {
  const { name, call, jitter } = schedule
  const wait = Math.max(0, slot + jitterOf(name, slot, jitter) - now)
  const job = extraJob(schedule, nextId)
  return { ...job, delay: call.delay + wait, expires: call.expires + wait, tags: [...job.tags, `slot:${new Date(slot).toISOString()}`] }
}

/** A job of the schedule that is of no slot. */
export function extraJob({ name, call }: Schedule, nextId: () => string): NewJob {
  return { ...jobOf(call, nextId), tags: [...call.tags, `schedule:${name}`] }
}

/** From 0 to `jitter` milliseconds: the same for a slot whoever asks, and as good as random between slots and between schedules. */
export function jitterOf(name: string, slot: number, jitter: number): number {
  let hash = 0x811c9dc5
  for (const character of `${name} ${slot}`) hash = Math.imul(hash ^ character.codePointAt(0)!, 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return Math.floor(((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32 * (jitter + 1))
}
