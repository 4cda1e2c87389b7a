import { execFileSync } from 'node:child_process'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Schedule, type ScheduleRule, type Slots, fallDue, jitterOf, slotJob, slotsOf, waitingFrom } from '../../src/jobs/schedule.ts'
import { newSchedule } from '../../src/testing/backend-conformance/schedules.ts'

/** The next slots after a moment, as UTC. */
async function slotsAfter(rule: ScheduleRule, from: string, count: number): Promise<string[]> {
  const slots = await slotsOf(rule)
  const found: string[] = []
  for (let time: number | undefined = Date.parse(from); found.length < count;) {
    time = slots.after(time)
    if (time === undefined) break
    found.push(new Date(time).toISOString().slice(0, 16))
  }
  return found
}

const daily = (time: string, timeZone: string): ScheduleRule => {
  const [hour, minute] = time.split(':')
  return { cron: `${Number(minute)} ${Number(hour)} * * *`, timeZone }
}

describe('the hour that does not exist: a time of day in it comes as it ends, once', () => {
  test.each([
    ['Europe/Berlin', '02:30', '2026-03-28T12:00Z', ['2026-03-29T01:00', '2026-03-30T00:30']],
    ['Europe/Berlin', '03:00', '2026-03-28T12:00Z', ['2026-03-29T01:00', '2026-03-30T01:00']],
    ['Europe/Berlin', '01:59', '2026-03-28T12:00Z', ['2026-03-29T00:59', '2026-03-29T23:59']],
    ['America/New_York', '02:30', '2026-03-07T12:00Z', ['2026-03-08T07:00', '2026-03-09T06:30']],
    // Half an hour only, and in October: from 02:00 on it is 02:30.
    ['Australia/Lord_Howe', '02:15', '2026-10-03T12:00Z', ['2026-10-03T15:30', '2026-10-04T15:15']],
    ['Australia/Lord_Howe', '02:30', '2026-10-03T12:00Z', ['2026-10-03T15:30', '2026-10-04T15:30']]
  ])('%s, each day at %s', async (timeZone, time, from, expected) => {
    expect(await slotsAfter(daily(time, timeZone), from, 2)).toEqual(expected)
  })
})

describe('the hour that comes twice: a time of day in it comes in the first', () => {
  test.each([
    ['Europe/Berlin', '02:30', '2026-10-24T12:00Z', ['2026-10-25T00:30', '2026-10-26T01:30']],
    ['Europe/Berlin', '03:00', '2026-10-24T12:00Z', ['2026-10-25T02:00', '2026-10-26T02:00']],
    ['America/New_York', '01:30', '2026-10-31T12:00Z', ['2026-11-01T05:30', '2026-11-02T06:30']],
    ['Australia/Lord_Howe', '01:45', '2026-04-04T12:00Z', ['2026-04-04T14:45', '2026-04-05T15:15']]
  ])('%s, each day at %s', async (timeZone, time, from, expected) => {
    expect(await slotsAfter(daily(time, timeZone), from, 2)).toEqual(expected)
  })
})

describe('what names no hour goes on through both changes, evenly', () => {
  test.each([
    ['Europe/Berlin', '2026-03-28T22:00Z'], ['Europe/Berlin', '2026-10-24T22:00Z'], ['America/New_York', '2026-03-08T04:00Z'], ['America/New_York', '2026-11-01T03:00Z'],
    ['Australia/Lord_Howe', '2026-04-04T12:00Z'], ['Australia/Lord_Howe', '2026-10-03T12:00Z']
  ])('%s after %s', async (timeZone, from) => {
    const slots = (await slotsAfter({ cron: '*/15 * * * *', timeZone }, from, 40)).map((slot) => Date.parse(`${slot}Z`))
    expect(slots).toEqual(Array.from(slots, (_, at) => slots[0]! + at * 900_000))
  })
})

test('each day of ten years has one slot at its time of day, in three zones', async () => {
  for (const timeZone of ['Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe']) {
    const day = new Intl.DateTimeFormat('en-CA', { timeZone, dateStyle: 'short' })
    for (const time of ['01:30', '01:45', '02:15', '02:30', '03:00']) {
      const slots = await slotsAfter(daily(time, timeZone), '2026-01-01T12:00Z', 3_652)
      const days = slots.map((slot) => day.format(new Date(`${slot}Z`)))
      expect([new Set(days).size, slots.toSorted()]).toEqual([3_652, slots])
      expect(Date.parse(`${slots.at(-1)!}Z`) - Date.parse(`${slots[0]!}Z`)).toBeLessThan(3_652 * 86_400_000)
    }
  }
}, 30_000)

test.each([
  ['* * *', 'UTC', /cron takes a cron pattern.*; got '\* \* \*'/],
  ['61 * * * *', 'UTC', /Invalid value for minute: 61/],
  ['2030-01-01T00:00:00', 'UTC', /cron takes a cron pattern/],
  ['* * * * *', 'Mars/Base', /timeZone takes the name of a time zone/]
])('%s in %s is refused', async (cron, timeZone, message) => {
  await expect(slotsOf({ cron, timeZone })).rejects.toThrow(message)
  await expect(slotsOf({ cron, timeZone })).rejects.toMatchObject({ code: 'INVALID_OPTION' })
})

test('a pattern that no day fits has no slots', async () => {
  const slots = await slotsOf({ cron: '0 0 30 2 *', timeZone: 'UTC' })
  expect([slots.after(0), slots.upTo(Date.parse('2026-01-01Z'), 5)]).toEqual([undefined, []])
})

test('intervals keep their step from where they begin; one time comes once', async () => {
  const interval = await slotsOf({ every: 100, from: 1_050 })
  expect([interval.after(0), interval.after(1_049), interval.after(1_050), interval.after(1_199)]).toEqual([1_050, 1_050, 1_150, 1_250])
  expect([interval.upTo(1_049, 3), interval.upTo(1_150, 3), interval.upTo(2_000, 3)]).toEqual([[], [1_050, 1_150], [1_750, 1_850, 1_950]])
  const once = await slotsOf({ at: 500 })
  expect([once.after(499), once.after(500), once.upTo(499, 9), once.upTo(500, 9)]).toEqual([500, undefined, [], [500]])
})

const zones = ['Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe', 'UTC']
const rules: fc.Arbitrary<ScheduleRule> = fc.oneof(
  fc.record({
    cron: fc.constantFrom('*/7 * * * *', '30 2 * * *', '0 * * * *', '15,45 1-3 * * *', '0 0 29 2 *', '0 12 * * MON', '*/20 * * * * *', '0 2 L * *', '@hourly'),
    timeZone: fc.constantFrom(...zones)
  }),
  fc.record({ every: fc.integer({ min: 100, max: 90_000_000 }), from: fc.integer({ min: 1_700_000_000_000, max: 1_800_000_000_000 }) }),
  fc.record({ at: fc.integer({ min: 1_700_000_000_000, max: 1_800_000_000_000 }) })
)
/** Often near a change of the clocks. */
const moments = fc.oneof(
  fc.integer({ min: 1_700_000_000_000, max: 1_800_000_000_000 }),
  fc.tuple(fc.constantFrom('2026-03-29T01:00Z', '2026-10-25T01:00Z', '2026-03-08T07:00Z', '2026-11-01T06:00Z', '2026-04-04T15:00Z', '2026-10-03T15:30Z'), fc.integer({ min: -7_200_000, max: 7_200_000 }))
    .map(([change, off]) => Date.parse(change) + off)
)

test('slots strictly rise, and looked for backwards they are the same', async () => {
  await fc.assert(fc.asyncProperty(rules, moments, async (rule, from) => {
    const slots = await slotsOf(rule)
    const found: number[] = []
    for (let time = slots.after(from); time !== undefined && found.length < 12; time = slots.after(time)) found.push(time)
    expect(found).toEqual([...new Set(found)].toSorted((a, b) => a - b))
    for (const slot of found) expect(slot).toBeGreaterThan(from)
    const last = found.at(-1)
    if (last === undefined) return
    expect(slots.upTo(last, found.length)).toEqual(found)
    expect(slots.upTo(last - 1, found.length).at(-1) ?? -Infinity).toBeLessThan(last)
  }), { numRuns: 500 })
})

function begun(slots: Slots, given: Partial<Schedule>, now: number): Schedule {
  return waitingFrom(newSchedule({ since: 0, ...given }), slots, now)
}

test('whenever it is looked at: no slot is fired twice, none before its time, none that is not its', async () => {
  const missed = fc.oneof(fc.constantFrom('skip' as const, 'once' as const), fc.integer({ min: 1, max: 50 }).map((all) => ({ all })))
  // The clock may also be set back.
  const looks = fc.array(fc.oneof({ weight: 9, arbitrary: fc.integer({ min: 0, max: 20_000_000 }) }, { weight: 1, arbitrary: fc.integer({ min: -4_000_000, max: 0 }) }), { maxLength: 30 })
  await fc.assert(fc.asyncProperty(rules, moments, missed, looks, async (rule, from, policy, waits) => {
    const slots = await slotsOf(rule)
    let schedule = begun(slots, { rule, missed: policy }, from)
    const fired: number[] = []
    let now = from
    for (const wait of waits) {
      now += wait
      if (schedule.nextSlot === undefined || schedule.nextSlot > now) continue
      const { fire, after } = fallDue(schedule, slots, now)
      for (const slot of fire) {
        expect(slot).toBeLessThanOrEqual(now)
        expect(slots.after(slot - 1)).toBe(slot)
      }
      // What came last is fired, however much was missed before; with `skip`, where it is on time.
      const [newest] = slots.upTo(now, 1)
      expect(fire.at(-1)).toBe(policy === 'skip' && now - newest! > 60_000 ? undefined : newest)
      if (typeof policy === 'object') expect(fire).toEqual(slots.upTo(now, policy.all).filter((slot) => slot > schedule.since))
      else expect(fire.length).toBeLessThanOrEqual(1)
      fired.push(...fire)
      expect(after.nextSlot ?? Infinity).toBeGreaterThan(now)
      schedule = after
    }
    expect(fired).toEqual([...new Set(fired)].toSorted((a, b) => a - b))
  }), { numRuns: 500 })
})

test('what is done with stays so, also where the clock is set back', async () => {
  const slots = await slotsOf({ every: 100, from: 0 })
  expect(waitingFrom(newSchedule({ since: 1_000 }), slots, 500)).toMatchObject({ since: 1_000, nextSlot: 1_100 })
  expect(waitingFrom(newSchedule({ since: 1_000 }), slots, 1_150)).toMatchObject({ since: 1_150, nextSlot: 1_200 })
})

test('missed: skip, once, all up to so many', async () => {
  const rule = { every: 60_000, from: 0 }
  const slots = await slotsOf(rule)
  const fire = (missed: Schedule['missed'], now: number): readonly number[] => fallDue(begun(slots, { rule, missed }, 0), slots, now).fire
  // 59 s after a slot it is on time still; more than a minute after it, it is missed.
  expect(fire('skip', 3_659_000)).toEqual([3_600_000])
  expect(fire('once', 3_659_000)).toEqual([3_600_000])
  expect(fire({ all: 3 }, 3_659_000)).toEqual([3_480_000, 3_540_000, 3_600_000])
  expect(fire({ all: 1_000 }, 3_659_000)).toHaveLength(60)
  const hourly = await slotsOf({ every: 3_600_000, from: 0 })
  for (const [missed, expected] of [['skip', []], ['once', [7_200_000]], [{ all: 9 }, [3_600_000, 7_200_000]]] as const) {
    expect(fallDue(begun(hourly, { missed }, 0), hourly, 7_260_001).fire).toEqual(expected)
  }
})

test('a thousand slots that were missed in a year of seconds are found at once', async () => {
  const slots = await slotsOf({ cron: '* * * * * *', timeZone: 'Europe/Berlin' })
  const now = Date.parse('2026-06-01T00:00:00.500Z')
  const { fire, after } = fallDue(begun(slots, { missed: { all: 1_000 } }, Date.parse('2025-06-01Z')), slots, now)
  expect([fire.length, fire[0], fire.at(-1), after.nextSlot]).toEqual([1_000, now - 999_500, now - 500, now + 500])
})

test('jitter lies within its bounds, is the same for whoever asks, and spreads', () => {
  fc.assert(fc.property(fc.string(), fc.integer({ min: 0, max: 2e12 }), fc.integer({ min: 0, max: 86_400_000 }), (name, slot, jitter) => {
    const wait = jitterOf(name, slot, jitter)
    expect(wait).toBe(jitterOf(name, slot, jitter))
    expect(Number.isInteger(wait) && wait >= 0 && wait <= jitter).toBe(true)
  }))
  const waits = Array.from({ length: 2_000 }, (_, at) => jitterOf('nightly', 1_700_000_000_000 + at * 86_400_000, 9))
  const others = Array.from({ length: 2_000 }, (_, at) => jitterOf(`schedule-${at}`, 1_700_000_000_000, 9))
  for (const some of [waits, others]) {
    for (let wait = 0; wait <= 9; wait++) expect(Math.abs(some.filter((one) => one === wait).length - 200)).toBeLessThan(70)
  }
})

test("a slot's job waits for its jitter, has an id, and says where it comes from", () => {
  const schedule = newSchedule({ name: 'nightly', jitter: 10_000 })
  const slot = Date.parse('2026-03-29T01:00Z')
  const jitter = jitterOf('nightly', slot, 10_000)
  const call = { ...schedule.call, expires: 60_000, delay: 5, tags: ['own'] }
  expect(jitter).toBeGreaterThan(7)
  expect(slotJob({ ...schedule, call }, slot, slot + 7, () => 'id-1')).toEqual({
    ...call, id: 'id-1', delay: 5 + jitter - 7, expires: 60_000 + jitter - 7, tags: ['own', 'schedule:nightly', 'slot:2026-03-29T01:00:00.000Z']
  })
  expect(slotJob({ ...schedule, call }, slot, slot + 20_000, () => 'id-2')).toMatchObject({ delay: 5, expires: 60_000 })
})

test('who has no pattern does not load what reads them', () => {
  const program = (when: string): string => `
    import { registerHooks } from 'node:module'
    registerHooks({ resolve: (name, context, next) => { if (name === 'croner') console.log('loaded'); return next(name, context) } })
    const { connect } = await import('${new URL('../../src/index.ts', import.meta.url).href}')
    const { add } = await import('${new URL('../fixtures/queue/tasks.ts', import.meta.url).href}')
    const queue = await connect('memory:')
    await queue.schedule('x', ${when}, add, 1, 2)
    console.log('done')
    process.exit(0)`
  const run = (when: string): string => execFileSync(process.execPath, ['--input-type=module', '-e', program(when)], { encoding: 'utf8', timeout: 20_000 })
  expect([run("{ every: '1h' }"), run("{ cron: '@daily' }")]).toEqual(['done\n', 'loaded\ndone\n'])
})
