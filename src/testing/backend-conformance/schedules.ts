import type { Backend } from '../../backends/backend.ts'
import { scheduleNews } from '../../backends/schedules.ts'
import type { Schedule } from '../../jobs/schedule.ts'
import { type Cases, bytes, ids, newJob, read, request, woken } from './bench.ts'

let made = 0

/** Its slot came long ago, unless another is given. */
export function newSchedule(given: Partial<Schedule> = {}): Schedule {
  const { id: _id, ...call } = newJob({ tags: ['kept'], expires: Infinity })
  const revision = `revision-${made++}`
  return {
    name: revision, revision, rule: { cron: '0 3 * * *', timeZone: 'Europe/Berlin' }, missed: { all: 3 }, jitter: 250, call, paused: false, since: 0, nextSlot: 1, lastSlot: undefined,
    ...given
  }
}

/** The same schedule, changed once more. */
function changed(schedule: Schedule, given: Partial<Schedule> = {}): Schedule {
  return { ...schedule, revision: `revision-${made++}`, ...given }
}

async function make(backend: Backend, ...schedules: readonly Schedule[]): Promise<void> {
  await backend.changeSchedules(schedules.map((schedule) => ({ name: schedule.name, seen: undefined, schedule, jobs: [] })))
}

async function due(backend: Backend): Promise<readonly string[]> {
  return (await backend.dueSchedules(100)).schedules.map(({ name }) => name)
}

const never = { paused: true, nextSlot: undefined } as const
const farAway = 1e14

export const scheduleCases: Cases = {
  async 'schedules are listed by name, some at a time, with all that they were made with'({ backend, expect }) {
    const [c, a, b] = [newSchedule({ name: 'c' }), newSchedule({ name: 'a', ...never, rule: { every: 5_000, from: 12 } }), newSchedule({ name: 'b', rule: { at: 5 }, missed: 'skip', lastSlot: 3 })]
    await make(backend, c, a, b)
    expect((await backend.schedules({ limit: 10 })).schedules).toEqual([a, b, c])
    expect((await backend.schedules({ limit: 1, after: 'a' })).schedules).toEqual([b])
    expect((await backend.schedules({ limit: 10, after: 'c' })).schedules).toEqual([])
    expect((await backend.schedules({ limit: 10, name: 'c' })).schedules).toEqual([c])
    expect((await backend.schedules({ limit: 10, name: 'd' })).schedules).toEqual([])
  },

  async 'a change happens only to what was seen'({ backend, expect }) {
    const first = newSchedule()
    const { name } = first
    const change = async (seen: string | undefined, schedule: Schedule | undefined): Promise<readonly boolean[]> => backend.changeSchedules([{ name, seen, schedule, jobs: [] }])
    expect(await change('revision', first)).toEqual([false])
    expect(await change(undefined, first)).toEqual([true])
    expect(await change(undefined, changed(first))).toEqual([false])
    const second = changed(first, { nextSlot: 2 })
    expect(await change(first.revision, second)).toEqual([true])
    expect(await change(first.revision, changed(first))).toEqual([false])
    expect((await backend.schedules({ name, limit: 1 })).schedules).toEqual([second])
  },

  async 'one that was removed is gone, and made again it is another'({ backend, expect }) {
    const first = newSchedule()
    const { name } = first
    await make(backend, first)
    expect(await backend.changeSchedules([{ name, seen: first.revision, schedule: undefined, jobs: [] }])).toEqual([true])
    expect([(await backend.schedules({ limit: 10 })).schedules, await due(backend)]).toEqual([[], []])
    await make(backend, changed(first))
    expect(await backend.changeSchedules([{ name, seen: first.revision, schedule: undefined, jobs: [newJob()] }])).toEqual([false])
    expect((await backend.list({ limit: 10 })).length).toBe(0)
  },

  async 'jobs are published with the change, or not at all'({ backend, expect }) {
    const [schedule, other] = [newSchedule(), newSchedule()]
    const [one, two, delayed, refused] = [newJob({ priority: -1 }), newJob({ tags: ['schedule:x'], payload: bytes('two') }), newJob({ delay: 60_000, queue: 'other' }), newJob()]
    using listening = await woken(backend, ['default'])
    const outcomes = await backend.changeSchedules([
      { name: schedule.name, seen: undefined, schedule, jobs: [one, two, delayed] },
      { name: other.name, seen: 'revision', schedule: other, jobs: [refused] }
    ])
    await listening.heard
    expect(outcomes).toEqual([true, false])
    expect((await backend.read([one.id, two.id, delayed.id, refused.id])).map((job) => job?.state)).toEqual(['ready', 'ready', 'scheduled', undefined])
    expect((await read(backend, two.id)).tags).toEqual(['schedule:x'])
    const { deliveries } = await backend.reserve(request())
    expect([deliveries.map(({ job }) => job), deliveries[0]?.payload]).toEqual([[two.id, one.id], bytes('two')])
  },

  async 'many jobs of one slot each are published at once'({ backend, expect }) {
    const schedule = newSchedule()
    const jobs = Array.from({ length: 1_000 }, () => newJob())
    expect(await backend.changeSchedules([{ name: schedule.name, seen: undefined, schedule, jobs }])).toEqual([true])
    expect(ids(await backend.reserve(request({ room: { thread: 2_000 } })))).toEqual(jobs.map(({ id }) => id))
  },

  async 'a schedule that two changes of one batch name is changed by the first that fits'({ backend, expect }) {
    const first = newSchedule()
    const [second, third] = [changed(first), changed(first, never)]
    const { name } = first
    expect(await backend.changeSchedules([
      { name, seen: undefined, schedule: first, jobs: [] }, { name, seen: undefined, schedule: second, jobs: [newJob()] }, { name, seen: first.revision, schedule: third, jobs: [] }
    ])).toEqual([true, false, true])
    expect([(await backend.schedules({ name, limit: 1 })).schedules, await due(backend)]).toEqual([[third], []])
  },

  async 'of many who fire the same slot, one does'({ backend, expect }) {
    const first = newSchedule()
    await make(backend, first)
    const fire = async (): Promise<boolean> => {
      const [done] = await backend.changeSchedules([{ name: first.name, seen: first.revision, schedule: changed(first, { nextSlot: farAway }), jobs: [newJob()] }])
      return done!
    }
    expect((await Promise.all(Array.from({ length: 50 }, fire))).filter(Boolean).length).toBe(1)
    expect((await backend.list({ limit: 100 })).length).toBe(1)
  },

  async 'due are those whose slot has come, the earliest first, as many as the limit says'({ backend, expect }) {
    const [third, first, second] = [newSchedule({ nextSlot: 30 }), newSchedule({ nextSlot: 10 }), newSchedule({ nextSlot: 20.5 })]
    await make(backend, third, first, second, newSchedule(never), newSchedule({ nextSlot: farAway }))
    expect(await due(backend)).toEqual([first.name, second.name, third.name])
    const { schedules, now, nextDue } = await backend.dueSchedules(2)
    expect([schedules, now + nextDue]).toEqual([[first, second], farAway])
  },

  async 'a slot comes on the clock of the backend, not a moment before'({ backend, clock, expect }) {
    const now = clock.now()
    const schedule = newSchedule({ nextSlot: now + 1_000 })
    await make(backend, schedule)
    expect(await backend.dueSchedules(10)).toEqual({ now, schedules: [], nextDue: 1_000 })
    await clock.advance(999)
    expect(await backend.dueSchedules(10)).toEqual({ now: now + 999, schedules: [], nextDue: 1 })
    await clock.advance(1)
    expect(await backend.dueSchedules(10)).toEqual({ now: now + 1_000, schedules: [schedule], nextDue: Infinity })
    expect((await backend.schedules({ limit: 1 })).now).toBe(now + 1_000)
  },

  async 'a listener is woken where a slot comes sooner'({ backend, expect }) {
    const schedule = newSchedule({ nextSlot: farAway })
    const sooner = changed(schedule, { nextSlot: farAway - 1 })
    const paused = changed(schedule, never)
    const { name } = schedule
    for (const [seen, to] of [[undefined, schedule], [schedule.revision, sooner]] as const) {
      using listening = await woken(backend, [scheduleNews])
      await backend.changeSchedules([{ name, seen, schedule: to, jobs: [] }])
      await listening.heard
    }
    await backend.changeSchedules([{ name, seen: sooner.revision, schedule: paused, jobs: [] }])
    using listening = await woken(backend, [scheduleNews])
    await backend.changeSchedules([{ name, seen: paused.revision, schedule: changed(schedule), jobs: [] }])
    await listening.heard
    expect((await backend.stats()).queues).toEqual({})
  },

  async 'after each batch of random changes there is what a model has'({ backend, expect }) {
    const fc = await import('fast-check')
    const change = fc.record({
      name: fc.constantFrom('a', 'b', 'c'),
      seen: fc.constantFrom('current', 'current', 'current', 'older', 'none'),
      to: fc.option(fc.constantFrom(undefined, 5, 7, 9.5, farAway), { nil: 'nothing' as const, freq: 4 }),
      jobs: fc.nat(2)
    })
    await fc.assert(fc.asyncProperty(fc.array(fc.array(change, { maxLength: 4 }), { maxLength: 12 }), async (batches) => {
      const { schedules: left } = await backend.schedules({ limit: 10 })
      await backend.changeSchedules(left.map(({ name, revision }) => ({ name, seen: revision, schedule: undefined, jobs: [] })))
      const model = new Map<string, Schedule>()
      for (const batch of batches) {
        const before = new Map(model)
        const changes = batch.map(({ name, seen, to, jobs }) => ({
          name,
          seen: seen === 'none' ? undefined : seen === 'older' ? 'older' : before.get(name)?.revision,
          schedule: to === 'nothing' ? undefined : newSchedule({ name, nextSlot: to }),
          jobs: Array.from({ length: jobs }, () => newJob())
        }))
        const expected = changes.map(({ name, seen, schedule }) => {
          if (model.get(name)?.revision !== seen) return false
          if (schedule) model.set(name, schedule)
          else model.delete(name)
          return true
        })
        expect(await backend.changeSchedules(changes)).toEqual(expected)
        const all = [...model.values()].toSorted((a, b) => a.name < b.name ? -1 : 1)
        expect((await backend.schedules({ limit: 10 })).schedules).toEqual(all)
        const waiting = all.filter(({ nextSlot }) => nextSlot !== undefined && nextSlot < farAway).map(({ nextSlot }) => nextSlot!)
        const { schedules, now, nextDue } = await backend.dueSchedules(10)
        expect(schedules.map(({ nextSlot }) => nextSlot)).toEqual(waiting.toSorted((a, b) => a - b))
        expect(now + nextDue).toBe(all.some(({ nextSlot }) => nextSlot === farAway) ? farAway : Infinity)
        for (const [at, { jobs }] of changes.entries()) expect((await backend.read(jobs.map(({ id }) => id))).map((job) => job !== undefined)).toEqual(jobs.map(() => expected[at]))
      }
    }), { numRuns: 60 })
  },

  async 'schedules are not jobs: no purge touches them'({ backend, expect }) {
    const schedule = newSchedule(never)
    await make(backend, schedule)
    expect((await backend.purge({ states: ['succeeded', 'dead'], olderThan: 0, limit: 10 })).jobs).toEqual([])
    expect((await backend.schedules({ limit: 10 })).schedules).toEqual([schedule])
  }
}
