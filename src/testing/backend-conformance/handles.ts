import type { Backend } from '../../backends/backend.ts'
import { eventsTopic } from '../../backends/bus.ts'
import { scheduleNews } from '../../backends/schedules.ts'
import { unpackEvents } from '../../jobs/queue-event.ts'
import { type Cases, deliver, error, ids, newJob, read, ref, request, settlement, spent, succeed, watched, woken } from './bench.ts'
import { hearing } from './bus.ts'
import { newSchedule } from './schedules.ts'

export const handleCases: Cases = {
  async 'what one handle publishes, another delivers'({ backend, another, expect }) {
    const other = await another()
    const job = newJob()
    await backend.publish([job])
    expect(ids(await other.reserve(request()))).toEqual([job.id])
    expect(ids(await backend.reserve(request({ worker: 'worker-2' })))).toEqual([])
  },

  async 'jobs outlive their handle'({ backend, another, expect }) {
    const job = newJob()
    await backend.publish([job])
    await backend.close()
    expect((await read(await another(), job.id)).state).toBe('ready')
    expect(backend.capabilities.durable).toBe(true)
  },

  async 'so does all that is kept of them, and what workers hold'({ backend, another, expect }) {
    const [done, tried, held] = [await deliver(backend, { tags: ['kept'] }), await deliver(backend), await deliver(backend)]
    const line = { at: 5, level: 'info', attempt: 1, token: 1, message: 'half-way', fields: '{"n":1}' } as const
    await backend.report([{ ...ref(done), progress: { done: 1, total: 2 }, logs: [line] }])
    await backend.settle([succeed(done), settlement(tried, { event: 'retry', delay: 60_000, error, spent })])
    await backend.commit([{ job: held.job, event: 'cancel' }])
    const all = async (handle: Backend): Promise<unknown> => [
      await handle.list({ limit: 10 }), await handle.list({ tag: 'kept', limit: 10 }), (await handle.stats()).queues,
      await Promise.all([done, tried, held].map(({ job }) => handle.story(job)))
    ]
    const before = await all(backend)
    await backend.close()
    const other = await another()
    expect(await all(other)).toEqual(before)
    expect((await other.reserve(request({ room: {} }))).cancelling).toEqual([ref(held)])
    expect(await other.settle([settlement(held, { event: 'stop' }), succeed(done)])).toEqual({ stale: [ref(done)] })
  },

  async 'schedules outlive their handle, and hold for every other'({ backend, another, expect }) {
    const schedule = newSchedule()
    const other = await another()
    using listening = await woken(other, [scheduleNews])
    await backend.changeSchedules([{ name: schedule.name, seen: undefined, schedule, jobs: [] }])
    await listening.heard
    await backend.close()
    expect((await other.dueSchedules(10)).schedules).toEqual([schedule])
    const fire = async (handle: Backend): Promise<readonly boolean[]> =>
      handle.changeSchedules([{ name: schedule.name, seen: schedule.revision, schedule: { ...schedule, revision: 'fired' }, jobs: [newJob()] }])
    expect((await Promise.all([fire(other), fire(await another()), fire(other)])).flat().filter(Boolean).length).toBe(1)
    expect((await other.list({ limit: 10 })).length).toBe(1)
  },

  async 'what was asked before it closed is still done'({ backend, another, expect }) {
    const job = newJob()
    const published = backend.publish([job])
    await backend.close()
    await published
    expect((await read(await another(), job.id)).state).toBe('ready')
  },

  async 'also what takes a backend more than one turn'({ another, expect }) {
    const [first, second] = [await another(), await another()]
    await first.gate([{ queue: 'default', rule: { concurrency: 1 } }])
    const job = newJob()
    // Through a handle that has not seen the gate.
    const [published, swept, listed] = [second.publish([job]), second.sweep(Infinity), second.list({ limit: 10 })]
    await second.close()
    expect(await Promise.all([published, swept])).toEqual([[], { rescued: [], buried: [], stalled: false }])
    await listed
    expect((await read(first, job.id)).state).toBe('ready')
  },

  async 'leases, and what was announced, hold for every handle'({ backend, another, clock, expect }) {
    const other = await another()
    const [renewed, announced] = [await deliver(backend, {}, { lease: 1_000 }), await deliver(backend, {}, { worker: 'worker-2', lease: 1_000 })]
    await clock.advance(900)
    await backend.extend('worker-1', [ref(renewed)], 1_000)
    await backend.announce('worker-2')
    await clock.advance(100)
    expect((await other.sweep(Infinity)).rescued).toEqual([ref(announced)])
    for (const handle of [backend, other]) {
      expect(await read(handle, announced.job)).toMatchObject({ state: 'ready', suspect: false })
      expect(await read(handle, renewed.job)).toMatchObject({ state: 'active', worker: 'worker-1' })
    }
  },

  async 'a listener is woken by another handle'({ backend, another }) {
    const other = await another()
    using listening = await woken(other, ['default'])
    await backend.publish([newJob()])
    await listening.heard
  },

  async 'the worker of one handle hears of a cancel through another'({ backend, another, expect }) {
    const other = await another()
    const delivery = await deliver(backend)
    using listening = await woken(backend, ['default'])
    await other.commit([{ job: delivery.job, event: 'cancel' }])
    await listening.heard
    expect((await backend.reserve(request())).cancelling).toEqual([ref(delivery)])
  },

  async 'an end is told to another handle'({ backend, another, expect }) {
    const other = await another()
    const delivery = await deliver(backend)
    using watch = watched(other, [delivery.job])
    await other.read([delivery.job])
    await backend.settle([succeed(delivery)])
    expect(await watch.all).toMatchObject([{ job: delivery.job, state: 'succeeded' }])
  },

  async 'handles that work at the same time lose and double nothing'({ backend, another, expect }) {
    const handles = [backend, await another(), await another()]
    const jobs = Array.from({ length: 300 }, () => newJob())
    const watchers = handles.map((handle) => watched(handle, jobs.map(({ id }) => id)))
    await Promise.all(handles.map((handle, at) => handle.publish(jobs.slice(at * 100, at * 100 + 100))))
    const delivered = await Promise.all(handles.map(async (handle, at) => {
      const mine: string[] = []
      for (let taken: readonly string[] = ['']; taken.length > 0;) {
        const { deliveries } = await handle.reserve(request({ worker: `worker-${at}`, room: { thread: 7 } }))
        const { stale } = await handle.settle(deliveries.map(succeed))
        expect(stale).toEqual([])
        mine.push(...taken = deliveries.map(({ job }) => job))
      }
      return mine
    }))
    expect(delivered.flat().toSorted()).toEqual(jobs.map(({ id }) => id))
    for (const watch of watchers) {
      expect((await watch.all).length).toBe(300)
      watch[Symbol.dispose]()
    }
  },

  async 'the late outcome of a job that others ended and removed ends no other'({ backend, another, clock, expect }) {
    const other = await another()
    const gone = await deliver(backend, {}, { lease: 1_000 })
    await clock.advance(1_000)
    await other.sweep(Infinity)
    await other.commit([{ job: gone.job, event: 'cancel' }])
    await other.purge({ states: ['cancelled'], olderThan: 0, limit: 10 })
    const next = await deliver(other, {}, { worker: 'worker-2' })
    expect((await backend.settle([succeed(gone)])).stale).toEqual([{ job: gone.job, token: gone.token }])
    expect(await read(backend, next.job)).toMatchObject({ state: 'active', worker: 'worker-2' })
    expect((await other.settle([succeed(next)])).stale).toEqual([])
  },

  async 'what one handle posts, another hears, and all that happens through it'({ backend, another, expect }) {
    const other = await another()
    using ear = await hearing(other, 'one')
    using events = await hearing(other, eventsTopic)
    await backend.post('one', 'hello')
    const job = newJob()
    await backend.publish([job])
    await other.commit([{ job: job.id, event: 'cancel' }])
    expect(await ear.first(1)).toEqual(['hello'])
    const told = (await events.first(2)).flatMap(unpackEvents)
    expect(told.map((event) => 'job' in event ? [event.type, event.job] : event)).toEqual([['enqueued', job.id], ['cancelled', job.id]])
  }
}
