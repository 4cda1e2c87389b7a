import type { Backend } from '../../backends/backend.ts'
import { eventsTopic } from '../../backends/bus.ts'
import { type QueueEvent, unpackEvents } from '../../jobs/queue-event.ts'
import { type Cases, deliver, error, newJob, ref, request, settlement, spent, succeed } from './bench.ts'
import { newSchedule } from './schedules.ts'

/** What was heard on a topic; `first(n)` resolves when as many as that were. */
export interface Ear extends Disposable {
  readonly heard: readonly string[]
  first(count: number): Promise<readonly string[]>
}

/** Resolves when all that is posted from then on is heard. */
export async function hearing(backend: Backend, topic: string): Promise<Ear> {
  const heard: string[] = []
  let look = (): void => {}
  const hearing = backend.hear(topic, {
    heard(message) {
      heard.push(message)
      look()
    },
    missed() {},
    failed() {}
  })
  await hearing.ready
  return {
    heard,
    first: (count) => new Promise((resolve) => {
      look = () => { if (heard.length >= count) resolve(heard.slice(0, count)) }
      look()
    }),
    [Symbol.dispose]: () => hearing[Symbol.dispose]()
  }
}

/** Hears events; `until` gives all up to the first that fits. */
export async function events(backend: Backend): Promise<{ until(fits: (event: QueueEvent) => boolean): Promise<readonly QueueEvent[]> } & Disposable> {
  const ear = await hearing(backend, eventsTopic)
  return {
    async until(fits) {
      for (let messages = 1; ; messages++) {
        const all = (await ear.first(messages)).flatMap(unpackEvents)
        const last = all.findIndex(fits)
        if (last >= 0) return all.slice(0, last + 1)
      }
    },
    [Symbol.dispose]: () => ear[Symbol.dispose]()
  }
}

/** Told last: whatever comes before it has been heard. */
export async function lastOf(backend: Backend): Promise<(event: QueueEvent) => boolean> {
  const last = newJob({ queue: 'the last' })
  await backend.publish([last])
  return (event) => 'job' in event && event.job === last.id
}

export const busCases: Cases = {
  async 'what is posted is heard in order, by all who hear its topic'({ backend, expect }) {
    using one = await hearing(backend, 'one')
    using same = await hearing(backend, 'one')
    using other = await hearing(backend, 'other')
    const messages = Array.from({ length: 50 }, (_, at) => `message ${at} – “✓”`)
    await backend.post('other', 'elsewhere')
    await Promise.all(messages.map((message) => backend.post('one', message)))
    expect(await one.first(50)).toEqual(messages)
    expect(await same.first(50)).toEqual(messages)
    expect(await other.first(1)).toEqual(['elsewhere'])
  },

  async 'who comes later does not hear what was before, and who has left hears no more'({ backend, expect }) {
    await backend.post('one', 'nobody hears')
    using early = await hearing(backend, 'one')
    await backend.post('one', 'first')
    await early.first(1)
    using late = await hearing(backend, 'one')
    const left = await hearing(backend, 'one')
    left[Symbol.dispose]()
    await backend.post('one', 'second')
    expect([await early.first(2), await late.first(1), left.heard]).toEqual([['first', 'second'], ['second'], []])
  },

  async 'one that hears a topic for the second time hears it'({ backend, expect }) {
    const before = await hearing(backend, 'one')
    before[Symbol.dispose]()
    using again = await hearing(backend, 'one')
    await backend.post('one', 'again')
    expect(await again.first(1)).toEqual(['again'])
  },

  async 'each step of a job is told, in order, with its attempt and its worker'({ backend, expect }) {
    using ear = await events(backend)
    const job = newJob({ task: 'steps' })
    await backend.publish([job])
    const { deliveries: [first] } = await backend.reserve(request())
    await backend.report([{ ...ref(first!), progress: { done: 1, total: 2, note: 'half' } }])
    await backend.settle([settlement(first!, { event: 'retry', delay: 0, error, spent })])
    const { deliveries: [second] } = await backend.reserve(request())
    await backend.settle([settlement(second!, { event: 'release' })], request())
    await backend.settle([succeed({ job: job.id, token: 3 })])
    const told = (await ear.until((event) => event.type === 'succeeded')).filter((event) => 'job' in event)
    const brief = { name: error.name, message: error.message, code: error.code }
    const step = { job: job.id, task: 'steps', queue: 'default' }
    const held = { ...step, worker: 'worker-1' }
    expect(told.map(({ at, ...rest }) => 'dueAt' in rest ? { ...rest, dueAt: rest.dueAt - at } : rest)).toEqual([
      { type: 'enqueued', ...step, attempt: 0, token: 0 },
      { type: 'started', ...held, attempt: 1, token: 1 },
      { type: 'progress', ...held, attempt: 1, token: 1, progress: { done: 1, total: 2, note: 'half' } },
      { type: 'retried', ...held, attempt: 1, token: 1, error: brief, dueAt: 0 },
      { type: 'started', ...held, attempt: 2, token: 2 },
      { type: 'released', ...held, attempt: 2, token: 2 },
      { type: 'started', ...held, attempt: 2, token: 3 },
      { type: 'succeeded', ...held, attempt: 2, token: 3 }
    ])
  },

  async 'every way to end is told, whoever ended it'({ backend, expect }) {
    using ear = await events(backend)
    const [failed, stopped, buried] = [await deliver(backend), await deliver(backend), await deliver(backend)]
    const waiting = newJob()
    await backend.publish([waiting])
    await backend.commit([{ job: stopped.job, event: 'cancel' }, { job: waiting.id, event: 'cancel' }])
    await backend.settle([settlement(failed, { event: 'fail', error }), settlement(stopped, { event: 'stop' }), settlement(buried, { event: 'bury', error })])
    await backend.commit([{ job: failed.job, event: 'revive' }])
    const ends = (await ear.until(await lastOf(backend))).filter(({ type }) => ['failed', 'cancelled', 'dead', 'revived'].includes(type))
    const brief = { name: error.name, message: error.message, code: error.code }
    expect(ends.map((event) => 'job' in event ? [event.type, event.job, 'error' in event ? event.error : undefined] : event)).toEqual([
      ['cancelled', waiting.id, undefined],
      ['failed', failed.job, brief],
      ['cancelled', stopped.job, undefined],
      ['dead', buried.job, brief],
      ['revived', failed.job, undefined]
    ])
  },

  async 'many jobs of one call are told one by one, and none that was known before'({ backend, expect }) {
    using ear = await events(backend)
    const jobs = Array.from({ length: 600 }, () => newJob())
    await backend.publish(jobs.slice(0, 20))
    await backend.publish(jobs)
    const { deliveries } = await backend.reserve(request({ room: { thread: 600 } }))
    await backend.settle(deliveries.map(succeed))
    const told = await ear.until(await lastOf(backend))
    const ids = (type: QueueEvent['type']): string[] => told.flatMap((event) => event.type === type && 'job' in event ? [event.job] : [])
    const all = jobs.map(({ id }) => id)
    expect([ids('enqueued').slice(0, 600), ids('started').toSorted(), ids('succeeded').toSorted()]).toEqual([all, all, all])
  },

  async 'what another job, or a schedule, has published is told as well; not what a unique key kept out'({ backend, expect }) {
    using ear = await events(backend)
    const [next, sorry, fired, first] = [newJob({ queue: 'other' }), newJob(), newJob(), newJob({ queue: 'unique', delay: 60_000, unique: { key: 'key', window: 0, taken: 'reject' } })]
    const parent = await deliver(backend, { links: [{ on: 'success', job: next }, { on: 'failure', job: sorry }] })
    await backend.settle([succeed(parent)])
    const { name, ...schedule } = newSchedule()
    await backend.changeSchedules([{ name, seen: undefined, schedule: { name, ...schedule }, jobs: [fired] }])
    await backend.publish([first, ...(['reject', 'merge', 'replace'] as const).map((taken) => newJob({ queue: 'unique', delay: 60_000, unique: { key: 'key', window: 0, taken } }))])
    const told = await ear.until(await lastOf(backend))
    expect(told.flatMap((event) => event.type === 'enqueued' ? [event.job] : []).slice(0, -1)).toEqual([parent.job, next.id, fired.id, first.id])
    expect(told.find((event) => 'job' in event && event.job === next.id)).toMatchObject({ task: 'task', queue: 'other', attempt: 0, token: 0 })
  },

  async 'what waited before a gate is told as what did not'({ backend, expect }) {
    using ear = await events(backend)
    await backend.gate([{ queue: 'default', task: 'task', rule: { concurrency: 1 } }])
    // So many that they could be one batch, where the queue had no gates.
    const jobs = Array.from({ length: 20 }, () => newJob())
    await backend.publish(jobs)
    for (let { deliveries } = await backend.reserve(request()); deliveries.length > 0;) {
      deliveries = (await backend.settle(deliveries.map(succeed), request())).reservation!.deliveries
    }
    const told = await ear.until(await lastOf(backend))
    for (const { id } of jobs) {
      expect(told.flatMap((event) => 'job' in event && event.job === id ? [[event.type, event.attempt, event.token, event.worker]] : [])).toEqual([
        ['enqueued', 0, 0, undefined], ['started', 1, 1, 'worker-1'], ['succeeded', 1, 1, 'worker-1']
      ])
    }
  },

  async 'workers are told as they come, stay and go'({ backend, expect }) {
    using ear = await events(backend)
    await backend.extend('worker-1', [], 60_000, { capacity: 8, queues: ['default'] })
    await deliver(backend)
    await backend.extend('worker-1', [], 60_000)
    await backend.reserve(request({ worker: 'worker-2' }))
    await backend.leave('worker-1')
    const told = (await ear.until(await lastOf(backend))).filter(({ type }) => type.startsWith('worker'))
    expect(told.map(({ at: _at, ...rest }) => rest)).toEqual([
      { type: 'worker-online', worker: 'worker-1', active: 0, capacity: 8 },
      { type: 'worker-heartbeat', worker: 'worker-1', active: 1, capacity: 8 },
      { type: 'worker-online', worker: 'worker-2', active: 0, capacity: 0 },
      { type: 'worker-offline', worker: 'worker-1', lost: false }
    ])
  },

  async 'statistics tell what workers said of themselves'({ backend, expect }) {
    await backend.extend('worker-1', [], 60_000, { capacity: 8, queues: ['default', 'mail'] })
    await backend.extend('worker-1', [], 60_000)
    await backend.extend('worker-2', [], 60_000)
    const told = async (): Promise<unknown> => Object.fromEntries((await backend.stats()).workers.map(({ id, capacity, queues }) => [id, [capacity, queues]]))
    expect(await told()).toEqual({ 'worker-1': [8, ['default', 'mail']], 'worker-2': [0, []] })
    await backend.extend('worker-1', [], 60_000, { capacity: 2, queues: [] })
    await backend.leave('worker-2')
    expect(await told()).toEqual({ 'worker-1': [2, []] })
  }
}

/** For these time is moved. */
export const eventTimeCases: Cases = {
  async 'what a lost worker held, and what expired, is told'({ backend, clock, expect }) {
    using ear = await events(backend)
    const held = await deliver(backend, {}, { lease: 1_000 })
    const mortal = newJob({ queue: 'other', expires: 500 })
    await backend.publish([mortal])
    await clock.advance(1_000)
    await backend.sweep(Infinity)
    const told = await ear.until(await lastOf(backend))
    const last = told.filter(({ type }) => ['rescued', 'worker-offline', 'dead'].includes(type)).map(({ at: _at, ...rest }) => rest)
    expect(last.toSorted((a, b) => a.type < b.type ? -1 : 1)).toMatchObject([
      { type: 'dead', job: mortal.id, attempt: 0, error: { code: 'JOB_EXPIRED' } },
      { type: 'rescued', job: held.job, attempt: 1, token: 1, worker: 'worker-1' },
      { type: 'worker-offline', worker: 'worker-1', lost: true }
    ])
    expect(told.every(({ at }) => at >= 1_700_000_000_000)).toBe(true)
  },

  async 'what has expired when a gate lets it through is told'({ backend, clock, expect }) {
    using ear = await events(backend)
    const [mortal, next] = [newJob({ key: 'k', expires: 500 }), newJob({ key: 'k' })]
    await backend.publish([mortal, next])
    await clock.advance(500)
    expect((await backend.reserve(request())).deliveries.map(({ job }) => job)).toEqual([next.id])
    const told = await ear.until(await lastOf(backend))
    expect(told.filter((event) => 'job' in event && event.job === mortal.id)).toMatchObject([{ type: 'enqueued' }, { type: 'dead', attempt: 0, error: { code: 'JOB_EXPIRED' } }])
    expect(told.some((event) => event.type === 'started' && event.job === next.id)).toBe(true)
  },

  async 'a hearing goes on for as long as it is open'({ backend, clock, expect }) {
    using ear = await hearing(backend, 'one')
    await clock.advance(120_000)
    await backend.post('one', 'later')
    expect(await ear.first(1)).toEqual(['later'])
  }
}
