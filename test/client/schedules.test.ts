import { join } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect } from 'vitest'
import type { Backend } from '../../src/backends/backend.ts'
import type { Client } from '../../src/client/client.ts'
import { connect } from '../../src/client/connect.ts'
import type { ScheduleOptions } from '../../src/client/schedule-options.ts'
import { slotJob } from '../../src/jobs/schedule.ts'
import { UnknownScheduleError } from '../../src/kernel/errors.ts'
import { silentLogger } from '../../src/kernel/logger.ts'
import { VirtualClock } from '../../src/kernel/virtual-clock.ts'
import { call } from '../../src/tasks/task-call.ts'
import { decode, encode } from '../../src/wire/codec.ts'
import { openEnvelope } from '../../src/wire/envelope.ts'
import { request, settlement, spent } from '../../src/testing/backend-conformance/bench.ts'
import { Scheduler } from '../../src/worker/maintenance/scheduler.ts'
import * as tasks from '../fixtures/queue/tasks.ts'
import { halve } from '../fixtures/tasks/schemas.ts'
import { backendKinds } from '../support/backends.ts'
import { sharedFolder } from '../support/temporary-folder.ts'

const folder = sharedFolder()
const start = Date.parse('2026-03-28T12:00Z')

describe.each(backendKinds())('schedules of a client on $name', ({ test, place }) => {
  let clock: VirtualClock
  let backend: Backend
  let queue: Client

  beforeEach(async () => {
    clock = new VirtualClock(start)
    backend = await place().open(clock)
    queue = await connect(backend, { clock, tasks })
  })
  afterEach(async () => {
    await queue.close()
    await backend.close()
  })

  const nightly: ScheduleOptions = { cron: '30 2 * * *', timeZone: 'Europe/Berlin', jitter: '30s' }

  test('one is made, and listed with what it was made with', async () => {
    const made = await queue.schedule('nightly', nightly, tasks.add.with({ queue: 'sums', priority: 3, tags: ['own'] }), 2, 3)
    expect(made).toEqual({
      name: 'nightly', rule: { cron: '30 2 * * *', timeZone: 'Europe/Berlin' }, missed: 'once', jitter: 30_000, paused: false,
      nextSlot: Date.parse('2026-03-29T01:00Z'), lastSlot: undefined, task: 'add', queue: 'sums', priority: 3, tags: ['own']
    })
    await queue.schedule('hourly', { every: '1h', from: new Date('2026-03-28T00:10Z') }, tasks.add, 1, 1)
    await queue.schedule('then', { at: start + 5 }, tasks.greet, 'you')
    expect((await queue.schedules()).map(({ name, nextSlot }) => [name, nextSlot])).toEqual([['hourly', start + 600_000], ['nightly', made.nextSlot], ['then', start + 5]])
  })

  test('an idempotency key does not make one of its slots, nor of what they link; what is unique in another way stays so', async () => {
    const linked = call(tasks.parentOf.with({ idempotencyKey: 'after' }), 'after')
    await queue.schedule('often', { every: '1h' }, tasks.add.with({ idempotencyKey: 'report', link: linked }), 1, 2)
    await queue.schedule('one', { every: '1h' }, tasks.greet.with({ unique: true }), 'you')
    await queue.schedule('one.by-its-key', { every: '1h' }, tasks.greet.with({ unique: { key: 'id report' } }), 'you')
    const stop = new AbortController()
    const running = new Scheduler(backend, clock, silentLogger).run(stop.signal)
    for (let slot = 1; slot <= 3; slot++) {
      await clock.advance(3_600_000)
      while ((await backend.dueSchedules(1)).schedules.length > 0) await clock.advance(100)
    }
    expect(await queue.list({ tag: 'schedule:often' })).toHaveLength(3)
    expect(await queue.list({ tag: 'schedule:one' })).toHaveLength(1)
    expect(await queue.list({ tag: 'schedule:one.by-its-key' })).toHaveLength(1)
    for (const { id } of [await queue.triggerSchedule('often'), await queue.triggerSchedule('often')]) expect(await queue.job(id).state()).toBe('ready')
    expect(await queue.list({ tag: 'schedule:often' })).toHaveLength(5)
    const { deliveries } = await backend.reserve(request())
    await backend.settle(deliveries.map((one) => settlement(one, { event: 'succeed', result: encode(3), spent })))
    expect(await queue.list({ task: 'parentOf' })).toHaveLength(5)
    stop.abort()
    await running
  })

  test('said again it stays as it is: its slot, its interval, its revision', async () => {
    const say = async (): Promise<unknown> => queue.schedule('often', { every: '10m' }, tasks.add, 1, 2)
    const made = await say()
    const { schedules: [before] } = await backend.schedules({ limit: 1 })
    await clock.advance(240_000)
    expect(await say()).toEqual(made)
    expect((await backend.schedules({ limit: 1 })).schedules).toEqual([before])
  })

  test('with another call it keeps its slot; with another rule it waits for the next of that', async () => {
    const { nextSlot } = await queue.schedule('often', { every: '10m' }, tasks.add, 1, 2)
    await clock.advance(240_000)
    expect(await queue.schedule('often', { every: '10m', missed: 'skip' }, tasks.greet, 'you')).toMatchObject({ nextSlot, task: 'greet', missed: 'skip' })
    expect(await queue.schedule('often', { every: '20m' }, tasks.greet, 'you')).toMatchObject({ nextSlot: start + 240_000 + 1_200_000 })
    expect(await queue.schedule('often', { cron: '@hourly' }, tasks.greet, 'you')).toMatchObject({ nextSlot: start + 3_600_000, rule: { cron: '@hourly', timeZone: 'UTC' } })
  })

  test('while it is paused it has no slot, also when it is changed; then it goes on with the next', async () => {
    await queue.schedule('hourly', { cron: '@hourly' }, tasks.add, 1, 2)
    await queue.pauseSchedule('hourly')
    await queue.pauseSchedule('hourly')
    await clock.advance(5_400_000)
    expect(await queue.schedule('hourly', { cron: '@hourly' }, tasks.add, 3, 4)).toMatchObject({ paused: true, nextSlot: undefined })
    expect(await queue.schedule('hourly', { cron: '15 * * * *' }, tasks.add, 3, 4)).toMatchObject({ paused: true, nextSlot: undefined })
    await queue.resumeSchedule('hourly')
    await queue.resumeSchedule('hourly')
    expect(await queue.schedules()).toMatchObject([{ paused: false, nextSlot: start + 8_100_000 }])
  })

  test('a single time that has passed is due at once, and once it is done with it stays so', async () => {
    const say = async (): Promise<unknown> => queue.schedule('then', { at: start - 86_400_000 }, tasks.greet, 'you')
    expect(await say()).toMatchObject({ nextSlot: start - 86_400_000 })
    const { schedules: [seen] } = await backend.dueSchedules(1)
    await backend.changeSchedules([{ name: 'then', seen: seen!.revision, schedule: { ...seen!, revision: 'fired', since: start - 86_400_000, nextSlot: undefined }, jobs: [] }])
    expect(await say()).toMatchObject({ nextSlot: undefined })
  })

  test('triggered, it enqueues a job with its arguments, also while it is paused', async () => {
    await queue.schedule('nightly', nightly, tasks.add.with({ tags: ['own'], delay: '1m' }), 2, 3)
    await queue.pauseSchedule('nightly')
    const job = await queue.triggerSchedule('nightly')
    expect(await job.read()).toMatchObject({ task: 'add', state: 'scheduled', tags: ['own', 'schedule:nightly'] })
    await clock.advance(60_000)
    const { deliveries: [delivery] } = await backend.reserve(request())
    expect(decode(openEnvelope(delivery!.payload).args)).toEqual([2, 3])
  })

  test('what its jobs link is another for each of them; said again it stays as it is', async () => {
    const linked = tasks.add.with({ link: call(tasks.greet.with({ tags: ['then'], link: call(tasks.greet.with({ tags: ['last'] }), 'three') }), 'two') })
    const say = async (): Promise<unknown> => queue.schedule('often', { every: '1s', missed: { all: 5 } }, linked, 1, 2)
    await say()
    const { schedules: [before] } = await backend.schedules({ limit: 1 })
    await say()
    expect((await backend.schedules({ limit: 1 })).schedules).toEqual([before])
    await clock.advance(3_000)
    const stop = new AbortController()
    const running = new Scheduler(backend, clock, silentLogger).run(stop.signal)
    while ((await queue.list({ tag: 'schedule:often' })).length < 3) await nextTurn()
    stop.abort()
    await running
    for (let turn = 0; turn < 3; turn++) {
      const { deliveries } = await backend.reserve(request())
      expect(deliveries).toHaveLength(3)
      await backend.settle(deliveries.map((delivery) => settlement(delivery, { event: 'succeed', result: encode('done'), spent })))
    }
    expect([(await queue.list({ tag: 'then' })).length, (await queue.list({ tag: 'last' })).length, (await queue.list()).length]).toEqual([3, 3, 9])
  })

  test('of a unique call there is one at a time: a slot that comes before it has ended has no job of its own', async () => {
    await queue.schedule('often', { every: '1s' }, tasks.add.with({ unique: true }), 1, 2)
    const first = await queue.triggerSchedule('often')
    const second = await queue.triggerSchedule('often')
    expect([first.admission, second.admission, second.id]).toEqual(['created', 'merged', first.id])
    const { schedules: [seen] } = await backend.schedules({ limit: 1 })
    const job = slotJob(seen!, start + 1_000, start + 1_000, () => 'slot-job')
    expect(await backend.changeSchedules([{ name: 'often', seen: seen!.revision, schedule: { ...seen!, revision: 'fired', since: start + 1_000 }, jobs: [job] }])).toEqual([true])
    expect((await queue.list()).map(({ id }) => id)).toEqual([first.id])
    await first.cancel()
    expect((await queue.triggerSchedule('often')).admission).toBe('created')
  })

  test('of many who change it at once, none undoes what another does', async () => {
    await Promise.all(Array.from({ length: 10 }, (_, at) => queue.schedule(`of-${at}`, { every: '1h' }, tasks.add, at, at)))
    await queue.schedule('shared', { every: '1h' }, tasks.add, 1, 1)
    await Promise.all([
      queue.pauseSchedule('shared'), queue.schedule('shared', { every: '1h', missed: 'skip' }, tasks.add, 1, 1),
      ...Array.from({ length: 10 }, () => queue.triggerSchedule('shared'))
    ])
    expect((await queue.schedules()).at(-1)).toMatchObject({ name: 'shared', paused: true, missed: 'skip' })
    expect(await queue.list({ tag: 'schedule:shared' })).toHaveLength(10)
  })

  test('removed, it is unknown; its jobs stay', async () => {
    await queue.schedule('nightly', nightly, tasks.add, 2, 3)
    await queue.triggerSchedule('nightly')
    await queue.removeSchedule('nightly')
    expect(await queue.schedules()).toEqual([])
    expect(await queue.list({ tag: 'schedule:nightly' })).toHaveLength(1)
    for (const act of ['pauseSchedule', 'resumeSchedule', 'removeSchedule', 'triggerSchedule'] as const) {
      const error = await queue[act]('nightly').catch((thrown: unknown) => thrown)
      expect(error).toBeInstanceOf(UnknownScheduleError)
      expect(error).toMatchObject({ code: 'UNKNOWN_SCHEDULE', message: expect.stringContaining("There is no schedule 'nightly' here") })
    }
  })

  test('more than fit a page are all listed', async () => {
    const { schedules: [one] } = await queue.schedule('one', { every: '1h' }, tasks.add, 1, 1).then(() => backend.schedules({ limit: 1 }))
    await backend.changeSchedules(Array.from({ length: 1_100 }, (_, at) => {
      const name = `many-${String(at).padStart(4, '0')}`
      return { name, seen: undefined, schedule: { ...one!, name }, jobs: [] }
    }))
    const names = (await queue.schedules()).map(({ name }) => name)
    expect([names.length, names[0], names.at(-1), new Set(names).size]).toEqual([1_101, 'many-0000', 'one', 1_101])
  })

  test.each<[string, ScheduleOptions, RegExp]>([
    ['a b', { every: '1h' }, /The name of a schedule takes 1 to 90 letters, digits, or \. : - _; got 'a b'/],
    ['n'.repeat(91), { every: '1h' }, /takes 1 to 90 letters/],
    ['name', {} as ScheduleOptions, /one of these: cron, perhaps with timeZone; every, perhaps with from; at/],
    ['name', { cron: '@daily', every: '1h' } as unknown as ScheduleOptions, /one of these/],
    ['name', { every: '1h', timezone: 'UTC' } as unknown as ScheduleOptions, /these options: cron, timeZone, every, from, at, missed, jitter; got 'timezone'/],
    ['name', { every: 99 }, /every takes a whole number of milliseconds, at least 100; got 99/],
    ['name', { every: '0.01h', from: new Date('never') }, /from takes a Date, or whole milliseconds since the epoch/],
    ['name', { at: '2030-01-01' as unknown as Date }, /at takes a Date/],
    ['name', { cron: 'at noon' }, /cron takes a cron pattern/],
    ['name', { cron: '0 0 30 2 *' }, /cron takes a pattern that some day fits; got '0 0 30 2 \*'/],
    ['name', { cron: '@daily', timeZone: 'Berlin' }, /timeZone takes the name of a time zone/],
    ['name', { every: '1h', missed: { all: 0 } }, /missed takes 'skip', 'once', or \{ all: n \}/],
    ['name', { every: '1h', missed: 'all' as 'once' }, /missed takes/],
    ['name', { every: '1h', jitter: '-1s' }, /jitter takes a number of milliseconds, 0 or more/]
  ])('refused, and nothing is kept: %s %j', async (name, options, message) => {
    const error = await queue.schedule(name, options, tasks.add, 1, 2).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code: 'INVALID_OPTION', message: expect.stringMatching(message) })
    expect(await queue.schedules()).toEqual([])
  })

  test('arguments are checked when the schedule is made; what is too large is refused, and says what to do', async () => {
    const hourly: ScheduleOptions = { every: '1h' }
    await expect(queue.schedule('name', hourly, halve, 3)).rejects.toMatchObject({ code: 'INVALID_ARGUMENTS' })
    await expect(queue.schedule('name', hourly, tasks.add, (() => 1) as unknown as number, 2)).rejects.toMatchObject({ code: 'UNCLONEABLE' })
    await expect(queue.schedule('name', hourly, tasks.giveBack.with({ tags: Array.from({ length: 19 }, (_, at) => `t${at}`) }), 1)).rejects.toThrow(/tags of a scheduled task takes up to 18/)
    await using small = await connect(backend, { tasks, clock, payloadLimit: 1_000, payloads: join(folder, 'payloads') })
    await expect(small.schedule('name', hourly, tasks.giveBack, 'x'.repeat(2_000))).rejects.toMatchObject({ code: 'PAYLOAD_TOO_LARGE', message: expect.stringMatching(/kept of jobs, not of schedules: raise payloadLimit/) })
    await small.close()
    await expect(small.schedule('name', hourly, tasks.add, 1, 2)).rejects.toMatchObject({ code: 'CLOSED' })
    expect(await queue.schedules()).toEqual([])
  })
})
