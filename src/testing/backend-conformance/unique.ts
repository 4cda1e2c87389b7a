import type { Backend } from '../../backends/backend.ts'
import type { NewJob } from '../../jobs/job.ts'
import type { UniqueRule } from '../../jobs/unique.ts'
import { type Cases, bytes, error, ids, newJob, read, request, settlement, succeed } from './bench.ts'

const minute = 60_000

function unique(given: Partial<UniqueRule> = {}, more: Partial<NewJob> = {}): NewJob {
  return newJob({ unique: { key: 'key', window: 0, taken: 'reject', ...given }, ...more })
}

async function runAll(backend: Backend): Promise<void> {
  const { deliveries } = await backend.reserve(request())
  await backend.settle(deliveries.map(succeed))
}

export const uniqueCases: Cases = {
  async 'of two jobs of one key the second is refused until the first has ended, within a batch and later'({ backend, expect }) {
    const [first, second, third] = [unique(), unique(), unique()]
    expect(await backend.publish([first, second])).toEqual([{ job: second.id, admission: 'rejected', holder: first.id }])
    expect(await backend.publish([third])).toEqual([{ job: third.id, admission: 'rejected', holder: first.id }])
    expect(await backend.read([second.id, third.id])).toEqual([undefined, undefined])
    const { deliveries } = await backend.reserve(request())
    expect(deliveries.map(({ job }) => job)).toEqual([first.id])
    expect(await backend.publish([unique()])).toMatchObject([{ admission: 'rejected', holder: first.id }])
    await backend.settle(deliveries.map(succeed))
    expect(await backend.publish([unique()])).toEqual([])
  },

  async 'a key holds through retries, and is free after a failure, a cancel and a purge'({ backend, expect }) {
    for (const outcome of [{ event: 'fail', error }, { event: 'stop' }] as const) {
      const job = unique()
      await backend.publish([job])
      const { deliveries: [first] } = await backend.reserve(request())
      await backend.settle([settlement(first!, { event: 'retry', delay: 0, error })])
      expect(await backend.publish([unique()])).toMatchObject([{ holder: job.id }])
      const { deliveries: [second] } = await backend.reserve(request())
      await backend.settle([settlement(second!, outcome)])
    }
    const last = unique()
    expect(await backend.publish([last])).toEqual([])
    await runAll(backend)
    await backend.purge({ states: ['succeeded', 'failed', 'cancelled'], olderThan: 0, limit: 100 })
    await backend.sweep(Infinity)
    expect(await backend.publish([unique()])).toEqual([])
  },

  async 'keys are of their queue, and other keys are free'({ backend, expect }) {
    expect(await backend.publish([unique(), unique({}, { queue: 'other' }), unique({ key: "it's 'another'" })])).toEqual([])
    expect(await backend.publish([unique({ key: "it's 'another'" })])).toMatchObject([{ admission: 'rejected' }])
  },

  async 'within its window a key is held though its job has ended, and was purged'({ backend, clock, expect }) {
    const first = unique({ window: 10 * minute })
    await backend.publish([first])
    await runAll(backend)
    expect(await backend.publish([unique()])).toMatchObject([{ admission: 'rejected', holder: first.id }])
    await backend.purge({ states: ['succeeded'], olderThan: 0, limit: 100 })
    await backend.sweep(Infinity)
    await clock.advance(9 * minute)
    expect(await backend.publish([unique({ taken: 'merge' })])).toMatchObject([{ admission: 'merged', holder: first.id }])
    await clock.advance(minute)
    await backend.sweep(Infinity)
    expect(await backend.publish([unique()])).toEqual([])
  },

  async 'a publish that is repeated answers as before, and the job that holds its key is no rival of its own'({ backend, expect }) {
    const job = unique()
    expect(await backend.publish([job])).toEqual([])
    expect(await backend.publish([job])).toEqual([])
    const merged = unique({ taken: 'merge' })
    const answer = await backend.publish([merged])
    expect(await backend.publish([merged])).toEqual(answer)
  },

  async 'merge: what has not begun has the higher priority, the earlier start and the later expiry of both'({ backend, clock, expect }) {
    const now = clock.now()
    const first = unique({}, { delay: 60 * minute, priority: 1, expires: 90 * minute })
    const other = newJob({ priority: 2 })
    await backend.publish([first, other])
    await backend.publish([unique({ taken: 'merge' }, { delay: 30 * minute, expires: 100 * minute, payload: bytes('not taken') })])
    expect(await read(backend, first.id)).toMatchObject({ state: 'scheduled', dueAt: now + 30 * minute, expiresAt: now + 100 * minute, priority: 1 })
    expect((await backend.reserve(request({ room: {} }))).nextDue).toBe(30 * minute)
    await backend.publish([unique({ taken: 'merge' }, { priority: 3 })])
    expect(await read(backend, first.id)).toMatchObject({ state: 'ready', priority: 3, expiresAt: Infinity })
    const { deliveries } = await backend.reserve(request())
    expect(deliveries).toMatchObject([{ job: first.id, payload: first.payload }, { job: other.id }])
    expect(await backend.publish([unique({ taken: 'merge' }, { priority: 9 })])).toMatchObject([{ admission: 'merged', holder: first.id }])
    expect(await read(backend, first.id)).toMatchObject({ state: 'active', priority: 3 })
    expect((await backend.stats()).queues['default']).toMatchObject({ active: 2, ready: 0, scheduled: 0 })
  },

  async 'replace: what has not begun is as the newest, with the delay counted anew'({ backend, clock, expect }) {
    const first = unique({}, { delay: minute, tags: ['old'], priority: 5, expires: 2 * minute })
    await backend.publish([first])
    for (let at = 0; at < 3; at++) {
      await clock.advance(minute / 2)
      const newer = unique({ taken: 'replace' }, { delay: minute, task: 'newer', place: 'loop', payload: bytes(`newest ${at}`), tags: ['new'] })
      expect(await backend.publish([newer])).toEqual([{ job: newer.id, admission: 'replaced', holder: first.id }])
    }
    expect(ids(await backend.reserve(request()))).toEqual([])
    await clock.advance(minute)
    await backend.sweep(Infinity)
    expect(await read(backend, first.id)).toMatchObject({ task: 'newer', place: 'loop', priority: 0, tags: ['new'], expiresAt: Infinity })
    const { deliveries } = await backend.reserve(request())
    expect(deliveries).toMatchObject([{ job: first.id, task: 'newer', payload: bytes('newest 2'), attempt: 1 }])
    expect((await backend.stats()).queues['default']).toMatchObject({ active: 1, scheduled: 0, ready: 0 })
  },

  async 'what expired, and was revived, is merged and replaced as what never was'({ backend, clock, expect }) {
    for (const taken of ['merge', 'replace'] as const) {
      const first = unique({ key: taken }, { expires: 1_000, delay: 500 })
      await backend.publish([first])
      await clock.advance(1_000)
      await backend.sweep(Infinity)
      expect(await backend.commit([{ job: first.id, event: 'revive' }])).toEqual(['ready'])
      await clock.advance(10)
      await backend.publish([unique({ key: taken, taken }, { delay: taken === 'merge' ? 0 : minute })])
      expect(await read(backend, first.id)).toMatchObject(taken === 'merge' ? { state: 'ready', dueAt: clock.now() - 10 } : { state: 'scheduled', dueAt: clock.now() + minute })
    }
  },

  async 'replace: what takes the place of a job with a key has its own, or none'({ backend, expect }) {
    for (const key of [undefined, 'other']) {
      const first = unique({ key: String(key) }, { key: 'tenant', ordered: true, cost: 3 })
      await backend.publish([first])
      await backend.publish([unique({ key: String(key), taken: 'replace' }, { delay: minute, ...(key === undefined ? {} : { key }) })])
      expect(await read(backend, first.id)).toMatchObject({ key, ordered: false, cost: 1, state: 'scheduled' })
    }
  },

  async 'replace: where the holder has begun the newest is a job of its own, and holds the key'({ backend, expect }) {
    await backend.publish([unique()])
    const { deliveries } = await backend.reserve(request())
    const second = unique({ taken: 'replace' })
    expect(await backend.publish([second])).toEqual([])
    await backend.settle(deliveries.map(succeed))
    expect(await backend.publish([unique()])).toMatchObject([{ holder: second.id }])
  },

  async 'what takes the place of another has its own key, order and cost, or none'({ backend, expect }) {
    const unique = { key: 'key', window: 0, taken: 'replace' } as const
    const [first, other] = [newJob({ unique, cost: 3 }), newJob({ queue: 'other', unique, cost: 3, key: 'k', ordered: true })]
    await backend.publish([first, other])
    await backend.publish([newJob({ unique }), newJob({ queue: 'other', unique, delay: 1_000 })])
    expect((await read(backend, first.id)).cost).toBe(1)
    const after = await read(backend, other.id)
    expect([after.cost, after.key, after.ordered]).toEqual([1, undefined, false])
  }
}
