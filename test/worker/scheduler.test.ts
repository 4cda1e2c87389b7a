import { setImmediate as nextTurn } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import type { Backend } from '../../src/backends/backend.ts'
import type { DueSchedules } from '../../src/backends/schedules.ts'
import { memory } from '../../src/backends/memory/memory-backend.ts'
import type { Client } from '../../src/client/client.ts'
import { connect } from '../../src/client/connect.ts'
import type { ScheduleOptions } from '../../src/client/schedule-options.ts'
import { jitterOf, slotsOf } from '../../src/jobs/schedule.ts'
import type { Clock } from '../../src/kernel/clock.ts'
import { idMaker } from '../../src/kernel/id.ts'
import { type LogFields, type Logger, lineLogger, silentLogger } from '../../src/kernel/logger.ts'
import { VirtualClock } from '../../src/kernel/virtual-clock.ts'
import { newSchedule } from '../../src/testing/backend-conformance/schedules.ts'
import { Scheduler } from '../../src/worker/maintenance/scheduler.ts'
import { startWorker } from '../../src/worker/start-worker.ts'
import * as tasks from '../fixtures/queue/tasks.ts'
import { backendKinds } from '../support/backends.ts'

const minute = 60_000
const hour = 60 * minute

/** Schedulers at work, on a clock that moves only while all of them rest: what they ask of a server takes real time. */
class Stage implements AsyncDisposable {
  readonly clock: VirtualClock
  readonly backend: Backend
  readonly #running = new Set<{ wakesAt: number | undefined }>()
  readonly #stop = new AbortController()
  readonly #runs: Promise<void>[] = []

  constructor(clock: VirtualClock, backend: Backend) {
    this.clock = clock
    this.backend = backend
  }

  /** @param off what its clock says more than the backend's */
  start(backend = this.backend, { off = 0, log = silentLogger }: { off?: number, log?: Logger } = {}): void {
    const { clock } = this
    const scheduler: { wakesAt: number | undefined } = { wakesAt: undefined }
    const watched: Clock = {
      now: () => clock.now() + off,
      elapsed: () => clock.elapsed(),
      after: (ms, callback) => clock.after(ms, callback),
      async sleep(ms, signal) {
        scheduler.wakesAt = clock.now() + ms
        await clock.sleep(ms, signal)
        scheduler.wakesAt = undefined
      }
    }
    this.#running.add(scheduler)
    this.#runs.push(new Scheduler(backend, watched, log).run(this.#stop.signal))
  }

  async pass(ms: number): Promise<void> {
    for (const end = this.clock.now() + ms; ;) {
      const isDue = await this.#rest()
      const now = this.clock.now()
      if (now >= end && !isDue) return
      await this.clock.advance(Math.min(isDue ? Infinity : end, this.#nextWake()) - now)
    }
  }

  /** Until all that is due is fired, or will be in a moment: whoever was second the last time lets others go first. */
  async #rest(): Promise<boolean> {
    for (;;) {
      const isDue = (await this.backend.dueSchedules(1)).schedules.length > 0
      const isBusy = this.#running.values().some(({ wakesAt }) => wakesAt === undefined)
      if (!isBusy && (!isDue || this.#nextWake() - this.clock.now() <= 100)) return isDue
      await nextTurn()
    }
  }

  #nextWake(): number {
    return Math.min(...Array.from(this.#running, ({ wakesAt }) => wakesAt!))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort()
    await Promise.all(this.#runs)
  }
}

/** The slots of a schedule's jobs, in the order in which they were enqueued. */
async function fired(queue: Client, name: string): Promise<number[]> {
  const slots: number[] = []
  for (let after: string | undefined; ;) {
    const jobs = await queue.list({ tag: `schedule:${name}`, limit: 1_000, ...(after === undefined ? {} : { after }) })
    for (const { tags } of jobs) slots.push(Date.parse(tags.find((tag) => tag.startsWith('slot:'))!.slice('slot:'.length)))
    if (jobs.length < 1_000) return slots
    after = jobs.at(-1)!.id
  }
}

/** All slots of some times after `from` and up to `to`. */
async function slotsBetween(rule: Parameters<typeof slotsOf>[0], from: number, to: number): Promise<number[]> {
  const slots = await slotsOf(rule)
  const found: number[] = []
  for (let slot = slots.after(from); slot !== undefined && slot <= to; slot = slots.after(slot)) found.push(slot)
  return found
}

const changes = [
  ['Europe/Berlin', 'spring', '2026-03-29T01:00Z'], ['Europe/Berlin', 'autumn', '2026-10-25T01:00Z'],
  ['America/New_York', 'spring', '2026-03-08T07:00Z'], ['America/New_York', 'autumn', '2026-11-01T06:00Z'],
  ['Australia/Lord_Howe', 'autumn', '2026-04-04T15:00Z'], ['Australia/Lord_Howe', 'spring', '2026-10-03T15:30Z']
] as const

describe.each(backendKinds())('schedulers on $name', ({ test, place }) => {
  test.each(changes)('%s in %s: three schedulers, restarted in its midst with the handles that they use, fire each slot once', { timeout: 60_000 }, async (timeZone, _, change) => {
    const at = Date.parse(change)
    const from = at - 3.5 * hour
    const to = at + 3.5 * hour
    const clock = new VirtualClock(from)
    const where = place()
    const own = await where.open(clock)
    await using queue = await connect(own, { clock })
    const rules = { daily: '30 2 * * *', other: '45 1 * * *', quarters: '*/15 1-3 * * *', hourly: '0 * * * *' }
    for (const [name, cron] of Object.entries(rules)) await queue.schedule(name, { cron, timeZone }, tasks.add, 1, 2)
    await queue.schedule('interval', { every: '25m' }, tasks.add, 1, 2)
    await queue.schedule('then', { at }, tasks.add, 1, 2)

    for (const until of [at - 5 * minute, at + 40 * minute, to]) {
      await using handles = new AsyncDisposableStack()
      await using stage = new Stage(clock, own)
      for (let started = 0; started < 3; started++) {
        const handle = await where.open(clock)
        if (handle !== own) handles.adopt(handle, (one) => one.close())
        stage.start(handle)
      }
      await stage.pass(until - clock.now())
    }

    for (const [name, cron] of Object.entries(rules)) expect([name, await fired(queue, name)]).toEqual([name, await slotsBetween({ cron, timeZone }, from, to)])
    expect(await fired(queue, 'interval')).toEqual(await slotsBetween({ every: 25 * minute, from }, from, to))
    expect(await fired(queue, 'then')).toEqual([at])
    expect((await fired(queue, 'daily')).length).toBe(1)
    await own.close()
  })

  test('what was missed while no scheduler ran, by each policy', async () => {
    const clock = new VirtualClock(Date.parse('2026-06-01T00:30Z'))
    const backend = await place().open(clock)
    await using queue = await connect(backend, { clock })
    const start = clock.now()
    const policies: Record<string, ScheduleOptions> = {
      skip: { every: '1h', missed: 'skip' }, once: { every: '1h' }, all: { every: '1h', missed: { all: 3 } },
      'at-skip': { at: start + hour, missed: 'skip' }, 'at-once': { at: start + hour }, 'before-it-was-made': { at: start - hour }
    }
    for (const [name, options] of Object.entries(policies)) await queue.schedule(name, options, tasks.greet, 'you')
    await clock.advance(5.5 * hour)
    {
      await using stage = new Stage(clock, backend)
      stage.start()
      await stage.pass(0)
    }
    const slots = Object.fromEntries(await Promise.all(Object.keys(policies).map(async (name) => [name, (await fired(queue, name)).map((slot) => (slot - start) / hour)])))
    expect(slots).toEqual({ skip: [], once: [5], all: [3, 4, 5], 'at-skip': [], 'at-once': [1], 'before-it-was-made': [-1] })
    expect((await queue.schedules()).map(({ name, nextSlot }) => [name, nextSlot === undefined ? undefined : (nextSlot - start) / hour])).toEqual([
      ['all', 6], ['at-once', undefined], ['at-skip', undefined], ['before-it-was-made', undefined], ['once', 6], ['skip', 6]
    ])
    await backend.close()
  })

  test('made, changed, paused, resumed and removed while they run; its jobs removed too', async () => {
    const clock = new VirtualClock(Date.parse('2026-06-01T00:00Z'))
    const start = clock.now()
    const backend = await place().open(clock)
    await using queue = await connect(backend, { clock })
    await using stage = new Stage(clock, backend)
    stage.start()
    stage.start()
    await stage.pass(0)
    // Sooner than a scheduler would look by itself.
    await queue.schedule('often', { every: '1s' }, tasks.add, 1, 2)
    await stage.pass(1_000)
    await stage.pass(1_000)
    expect(await queue.schedules()).toMatchObject([{ lastSlot: start + 2_000, nextSlot: start + 3_000 }])
    await queue.cancelAll({ tag: 'schedule:often' })
    expect(await queue.purge({ states: ['cancelled'], olderThan: 0 })).toBe(2)
    await queue.pauseSchedule('often')
    await stage.pass(3_500)
    await queue.resumeSchedule('often')
    await stage.pass(500)
    await queue.schedule('often', { every: '2s', from: start }, tasks.add.with({ queue: 'other' }), 1, 2)
    await stage.pass(2_000)
    await queue.removeSchedule('often')
    await stage.pass(60_000)
    const jobs = await queue.list({ tag: 'schedule:often' })
    expect([(await fired(queue, 'often')).map((slot) => slot - start), jobs.map((job) => job.queue)]).toEqual([[6_000, 8_000], ['default', 'other']])
    await backend.close()
  })

  test("a job waits for its slot's jitter, on the backend's clock, whatever its scheduler's says", async () => {
    const clock = new VirtualClock(Date.parse('2026-06-01T00:00Z'))
    const start = clock.now()
    const backend = await place().open(clock)
    await using queue = await connect(backend, { clock })
    await using stage = new Stage(clock, backend)
    stage.start(backend, { off: hour })
    await queue.schedule('spread', { every: '10m', jitter: '5m' }, tasks.add, 1, 2)
    await stage.pass(30 * minute)
    const jobs = await queue.list({ tag: 'schedule:spread' })
    const later = idMaker({ now: () => clock.now() + 1 })()
    expect(jobs.map(({ id }) => id < later)).toEqual([true, true, true])
    expect(jobs.map((job) => [job.createdAt - start, job.dueAt])).toEqual([1, 2, 3].map((slot) => {
      const time = start + slot * 10 * minute
      return [slot * 10 * minute, time + jitterOf('spread', time, 5 * minute)]
    }))
    await backend.close()
  })
})

test('of many schedulers one writes for each slot, and another goes on when it is gone', async () => {
  const clock = new VirtualClock()
  const backend = memory({ clock })
  await using queue = await connect(backend, { clock })
  const start = clock.now()
  let changes = 0
  const slow: Partial<Backend> = {
    listen: (...args) => backend.listen(...args),
    async dueSchedules(limit) {
      const answer = await backend.dueSchedules(limit)
      await clock.sleep(1)
      return answer
    },
    changeSchedules(asked) {
      changes++
      return backend.changeSchedules(asked)
    }
  }
  await queue.schedule('often', { every: '1s' }, tasks.add, 1, 2)
  const stops = Array.from({ length: 20 }, () => new AbortController())
  const running = stops.map(({ signal }) => new Scheduler(slow as Backend, clock, silentLogger).run(signal))
  await clock.advance(1_500)
  expect(changes).toBe(20)
  await clock.advance(98_000)
  expect(changes).toBe(20 + 98)
  // Whoever was first has gone: one of the others takes its place.
  stops[0]!.abort()
  await clock.advance(11_000)
  for (const stop of stops) stop.abort()
  await clock.runUntil(Promise.all(running))
  const jobs = await queue.list({ tag: 'schedule:often', limit: 200 })
  expect((await fired(queue, 'often')).map((slot) => slot - start)).toEqual(Array.from({ length: 110 }, (_, at) => (at + 1) * 1_000))
  for (const [at, { createdAt }] of jobs.entries()) expect(createdAt - start - (at + 1) * 1_000).toBeLessThanOrEqual(110)
})

test('one that cannot be fired here keeps no other from it, and is not tried without end', async () => {
  const clock = new VirtualClock()
  const backend = memory({ clock })
  await using queue = await connect(backend, { clock })
  const odd = newSchedule({ name: 'odd', rule: { cron: '* * * * *', timeZone: 'Mars/Base' } })
  await backend.changeSchedules([{ name: 'odd', seen: undefined, schedule: odd, jobs: [] }])
  await queue.schedule('often', { every: '1s' }, tasks.add, 1, 2)
  const log: LogFields[] = []
  const stop = new AbortController()
  const running = new Scheduler(backend, clock, lineLogger('warn', (line) => log.push(line))).run(stop.signal)
  // What reads patterns is loaded when it is needed.
  while (log.length === 0) await nextTurn()
  await clock.advance(5_500)
  stop.abort()
  await running
  expect(await fired(queue, 'often')).toHaveLength(5)
  expect(log[0]).toMatchObject({ level: 'error', schedule: 'odd', msg: 'a schedule could not be fired here; it is tried again' })
  expect(log.length).toBeLessThan(20)
})

test('a backend that fails is asked again; without schedules it is asked twice a minute', async () => {
  const clock = new VirtualClock()
  const backend = memory({ clock })
  const looks: number[] = []
  const failing: Partial<Backend> = {
    listen: (...args) => backend.listen(...args),
    async dueSchedules(limit): Promise<DueSchedules> {
      looks.push(clock.elapsed())
      if (looks.length <= 2) throw new Error('gone')
      return backend.dueSchedules(limit)
    }
  }
  const log: LogFields[] = []
  const stop = new AbortController()
  const running = new Scheduler(failing as Backend, clock, lineLogger('warn', (line) => log.push(line))).run(stop.signal)
  await clock.advance(70_000)
  stop.abort()
  await running
  expect(looks).toEqual([0, 1_000, 2_000, 32_000, 62_000])
  expect(log).toMatchObject([{ level: 'error' }, { level: 'error' }])
})

test('thousands that were missed are fired in many short turns', async () => {
  const clock = new VirtualClock()
  const backend = memory({ clock })
  await using queue = await connect(backend, { clock })
  for (let at = 0; at < 5; at++) await queue.schedule(`often-${at}`, { every: '1s', missed: { all: 1_000 } }, tasks.add, 1, 2)
  await clock.advance(hour)
  const batches: number[] = []
  const counting: Partial<Backend> = {
    listen: (...args) => backend.listen(...args),
    dueSchedules: (limit) => backend.dueSchedules(limit),
    changeSchedules(changes) {
      batches.push(changes.reduce((sum, { jobs }) => sum + jobs.length, 0))
      return backend.changeSchedules(changes)
    }
  }
  await using stage = new Stage(clock, backend)
  stage.start(counting as Backend)
  await stage.pass(0)
  expect(batches).toEqual([1_000, 1_000, 1_000, 1_000, 1_000])
  expect(await fired(queue, 'often-4')).toHaveLength(1_000)
})

test('a worker on a backend that is closed says so, and leaves nothing behind', async () => {
  const backend = memory()
  await backend.close()
  await expect(startWorker(backend, { tasks })).rejects.toMatchObject({ code: 'CLOSED' })
})

test('a worker takes true or false for its schedules', async () => {
  await expect(startWorker(memory(), { tasks, schedules: 'off' as unknown as boolean })).rejects.toThrow(/schedules takes true or false; got 'off'/)
})
