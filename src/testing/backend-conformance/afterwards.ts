import type { Holding } from '../../backends/store.ts'
import { errorBytes } from '../../jobs/kept-error.ts'
import { referenceTo } from '../../wire/claim-check.ts'
import { sealEnvelope } from '../../wire/envelope.ts'
import { type Bench, type Cases, bytes, deliver, error, ids, newJob, read, request, result, settlement, spent, succeed, watched, woken } from './bench.ts'

const hour = 3_600_000

/** Three jobs that ended, each an hour before the next; the last an hour ago. */
async function threeHourly({ backend, clock }: Pick<Bench, 'backend' | 'clock'>): Promise<readonly string[]> {
  const jobs: string[] = []
  for (let at = 0; at < 3; at++) {
    const delivery = await deliver(backend)
    await backend.settle([succeed(delivery)])
    jobs.push(delivery.job)
    await clock.advance(hour)
  }
  return jobs
}

/** What is done with jobs that have ended. */
export const afterwardsCases: Cases = {
  async 'a job that failed, was cancelled or is dead is revived: ready, with all its attempts before it'({ backend, expect }) {
    for (const outcome of [{ event: 'fail', error }, { event: 'stop' }, { event: 'bury', error }] as const) {
      const delivery = await deliver(backend)
      await backend.settle([settlement(delivery, outcome)])
      expect(await backend.commit([{ job: delivery.job, event: 'revive' }])).toEqual(['ready'])
      expect(await read(backend, delivery.job)).toMatchObject({ state: 'ready', attempt: 0, rescues: 0, finishedAt: undefined, error: undefined, expiresAt: Infinity })
      const { deliveries: [again] } = await backend.reserve(request())
      expect(again).toMatchObject({ job: delivery.job, attempt: 1, token: delivery.token + 1 })
      await backend.settle([succeed(again!)])
      expect(await read(backend, delivery.job)).toMatchObject({ state: 'succeeded' })
    }
  },

  async 'a job that succeeded, or has not ended, is not revived'({ backend, expect }) {
    const done = await deliver(backend)
    await backend.settle([succeed(done)])
    const waiting = newJob()
    await backend.publish([waiting])
    expect(await backend.commit([{ job: done.job, event: 'revive' }, { job: waiting.id, event: 'revive' }])).toEqual(['succeeded', 'ready'])
  },

  async 'the late outcome of the attempt before is refused'({ backend, expect }) {
    const delivery = await deliver(backend)
    await backend.settle([settlement(delivery, { event: 'fail', error })])
    await backend.commit([{ job: delivery.job, event: 'revive' }])
    expect((await backend.settle([succeed(delivery)])).stale.length).toBe(1)
    expect((await read(backend, delivery.job)).state).toBe('ready')
  },

  async 'a revived job wakes listeners, and its new end is told'({ backend, expect }) {
    const delivery = await deliver(backend)
    await backend.settle([settlement(delivery, { event: 'fail', error })])
    using listening = await woken(backend, ['default'])
    await backend.commit([{ job: delivery.job, event: 'revive' }])
    await listening.heard
    using watch = watched(backend, [delivery.job])
    const { deliveries: [again] } = await backend.reserve(request())
    await backend.settle([succeed(again!)])
    expect(await watch.all).toMatchObject([{ job: delivery.job, state: 'succeeded' }])
  },

  async 'jobs that have ended are purged by state and queue, and never others'({ backend, expect }) {
    const [done, failed, elsewhere, running] = [await deliver(backend), await deliver(backend), await deliver(backend, { queue: 'other' }), await deliver(backend)]
    const waiting = newJob()
    await backend.publish([waiting])
    await backend.settle([succeed(done), settlement(failed, { event: 'fail', error }), succeed(elsewhere)])
    expect((await backend.purge({ states: ['succeeded'], queue: 'default', olderThan: 0, limit: 100 })).jobs).toEqual([done.job])
    const left = await backend.read([done, failed, elsewhere, running].map(({ job }) => job).concat(waiting.id))
    expect(left.map((job) => job?.state)).toEqual([undefined, 'failed', 'succeeded', 'active', 'ready'])
    expect((await backend.stats()).queues['default']).toMatchObject({ succeeded: 0, failed: 1, active: 1, ready: 1 })
  },

  async 'the oldest go first, as many as the limit says; young ones stay'({ backend, clock, expect }) {
    const deliveries = await threeHourly({ backend, clock })
    const left = async (): Promise<unknown> => (await backend.read(deliveries)).map((job) => job !== undefined)
    const first = await backend.purge({ states: ['succeeded'], olderThan: hour, limit: 1 })
    expect(first.jobs).toEqual([deliveries[0]])
    expect(await left()).toEqual([false, true, true])
    const jobs: string[] = []
    for (let { next } = first; next !== undefined;) {
      const more = await backend.purge({ states: ['succeeded'], olderThan: 2 * hour, limit: 100, from: next })
      jobs.push(...more.jobs)
      next = more.next
    }
    expect(jobs).toEqual([deliveries[1]])
    expect(await left()).toEqual([false, false, true])
  },

  async 'a purge that says as of when removes the same jobs however much later it comes'({ backend, clock, expect }) {
    const jobs = await threeHourly({ backend, clock })
    const [, second] = await backend.read(jobs)
    await clock.advance(hour)
    expect((await backend.purge({ states: ['succeeded'], olderThan: 1_000, asOf: second!.finishedAt! + 999, limit: 10 })).jobs).toEqual([jobs[0]])
    expect((await backend.purge({ states: ['succeeded'], olderThan: 1_000, asOf: second!.finishedAt! + 1_000, limit: 10 })).jobs).toEqual([jobs[1]])
    expect((await backend.purge({ states: ['succeeded'], olderThan: 0, limit: 10 })).jobs).toEqual([jobs[2]])
  },

  async 'jobs that have ended are weighed, with what they only refer to'({ backend, expect }) {
    const own = new Uint8Array(300)
    const elsewhere = await referenceTo(new Uint8Array(5_000))
    const [done, failed, large, running] = [
      await deliver(backend, { payload: own }), await deliver(backend), await deliver(backend, { payload: sealEnvelope({ timeout: 5 }, elsewhere), queue: 'other' }), await deliver(backend)
    ]
    await backend.settle([settlement(done, { event: 'succeed', result: own, spent })])
    await backend.settle([settlement(failed, { event: 'fail', error }), settlement(large, { event: 'succeed', result: elsewhere, spent })])
    // Mended, and run again: what it was first called with stays as well.
    const again = await deliver(backend)
    await backend.settle([settlement(again, { event: 'fail', error })])
    await backend.commit([{ job: again.job, event: 'revive', payload: own }])
    const { deliveries } = await backend.reserve(request())
    await backend.settle(deliveries.map(succeed))
    await backend.publish([newJob(), newJob({ delay: hour })])
    const finishedAt = (await backend.read([done, failed, large, again].map(({ job }) => job))).map((job) => job!.finishedAt!)
    const weighed: Holding[] = []
    for (let from: string | undefined; ;) {
      const { now, ended, next } = await backend.weigh(from)
      expect(now - finishedAt.at(-1)! >= 0).toBe(true)
      weighed.push(...ended)
      if (next === undefined) break
      from = next
    }
    const held = [600, bytes('payload').length + errorBytes(error).length, sealEnvelope({ timeout: 5 }, elsewhere).length + elsewhere.length + 10_000, bytes('payload').length + own.length + result.length]
    expect(weighed).toEqual(held.map((of, at) => ({ finishedAt: finishedAt[at], bytes: of })))
    await backend.purge({ states: ['succeeded', 'failed'], olderThan: 0, limit: 100 })
    expect((await backend.weigh()).ended).toEqual([])
    expect((await read(backend, running.job)).state).toBe('active')
  },

  async 'a purge goes on where it was, and does not look again at what it has passed over'({ backend, expect }) {
    const [first, second, third] = [await deliver(backend), await deliver(backend), await deliver(backend)]
    await backend.settle([succeed(first), settlement(second, { event: 'fail', error }), succeed(third)])
    const { jobs, next } = await backend.purge({ states: ['failed'], olderThan: 0, limit: 1 })
    expect(jobs).toEqual([second.job])
    expect((await backend.purge({ states: ['succeeded'], olderThan: 0, limit: 10, from: next! })).jobs).toEqual([third.job])
    expect((await backend.purge({ states: ['succeeded'], olderThan: 0, limit: 10 })).jobs).toEqual([first.job])
  },

  async 'an end that comes after everything was purged is told'({ backend, expect }) {
    const first = await deliver(backend)
    await backend.settle([succeed(first)])
    const next = await deliver(backend)
    using watch = watched(backend, [next.job])
    await backend.purge({ states: ['succeeded'], olderThan: 0, limit: 100 })
    await backend.settle([succeed(next)])
    expect(await watch.all).toMatchObject([{ job: next.job, state: 'succeeded' }])
    expect(ids(await backend.reserve(request()))).toEqual([])
  }
}
