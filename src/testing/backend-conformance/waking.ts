import type { Delivery } from '../../backends/broker.ts'
import { type Cases, bytes, deliver, error, ids, newJob, read, request, result, settlement, succeed, watched, woken } from './bench.ts'

export const wakingCases: Cases = {
  async 'a listener is woken by what is published for its queues'({ backend }) {
    using listening = await woken(backend, ['other', 'default'])
    await backend.publish([newJob()])
    await listening.heard
  },

  async 'a listener is woken by what is handed back, retried, or to be cancelled'({ backend }) {
    for (const outcome of [{ event: 'release' }, { event: 'retry', delay: 100, error }] as const) {
      const delivery = await deliver(backend, { queue: outcome.event })
      using listening = await woken(backend, [outcome.event])
      await backend.settle([settlement(delivery, outcome)])
      await listening.heard
    }
    const { job } = await deliver(backend)
    using listening = await woken(backend, ['default'])
    await backend.commit([{ job, event: 'cancel' }])
    await listening.heard
  },

  async 'a listener is woken when a worker leaves its jobs'({ backend }) {
    await deliver(backend)
    using listening = await woken(backend, ['default'])
    await backend.leave('worker-1')
    await listening.heard
  },

  async 'a listener that was disposed hears nothing'({ backend, expect }) {
    let heard = 0
    backend.listen(['default'], () => heard++)[Symbol.dispose]()
    using other = await woken(backend, ['default'])
    await backend.publish([newJob()])
    await other.heard
    expect(heard).toBe(0)
  },

  async 'a worker that waits has one job that is published, handed over or by asking, and as if it had asked'({ backend, expect }) {
    const first = newJob({ payload: bytes('first\n\nå') })
    const { promise: handed, resolve } = Promise.withResolvers<Delivery>()
    using _receiving = backend.receive?.('worker-1', resolve)
    expect(ids(await backend.reserve(request({ waits: true })))).toEqual([])
    await backend.publish([first])
    const got = (await read(backend, first.id)).state === 'active' ? await handed : (await backend.reserve(request())).deliveries[0]!
    expect(got).toEqual({ job: first.id, token: 1, task: first.task, place: first.place, attempt: 1, suspect: false, deaths: 0, deferrals: 0, payload: first.payload })
    expect(await read(backend, first.id)).toMatchObject({ state: 'active', worker: 'worker-1', attempt: 1 })
    expect((await backend.stats()).queues['default']).toMatchObject({ ready: 0, active: 1 })
    // It waits no more: what comes next is for whoever asks.
    await backend.publish([newJob()])
    expect(ids(await backend.reserve(request({ worker: 'worker-2' }))).length).toBe(1)
    const { stale } = await backend.settle([succeed(got)])
    expect(stale).toEqual([])
    expect(await read(backend, first.id)).toMatchObject({ state: 'succeeded', result })
  },

  async 'every way to end is told, with what came of it'({ backend, expect }) {
    const [a, b, c, d] = [await deliver(backend), await deliver(backend), await deliver(backend), await deliver(backend)]
    using watch = watched(backend, [a, b, c, d].map(({ job }) => job))
    await backend.settle([succeed(a), settlement(b, { event: 'fail', error }), settlement(c, { event: 'stop' }), settlement(d, { event: 'bury', error })])
    const endings = await watch.all
    expect(endings.toSorted((one, other) => one.job < other.job ? -1 : 1)).toMatchObject([
      { job: a.job, state: 'succeeded', result, attempt: 1 },
      { job: b.job, state: 'failed', error, attempt: 1 },
      { job: c.job, state: 'cancelled' },
      { job: d.job, state: 'dead', error }
    ])
  },

  async 'a job that had ended before it was added is told too'({ backend, expect }) {
    const delivery = await deliver(backend)
    await backend.settle([succeed(delivery)])
    using watch = watched(backend, [delivery.job])
    expect(await watch.all).toMatchObject([{ job: delivery.job, state: 'succeeded', result }])
  },

  async 'a job that is not known yet is waited for'({ backend, expect }) {
    const job = newJob()
    using watch = watched(backend, [job.id])
    await backend.publish([newJob()])
    await read(backend, (await deliver(backend)).job)
    await backend.publish([job])
    await backend.commit([{ job: job.id, event: 'cancel' }])
    expect(await watch.all).toMatchObject([{ job: job.id, state: 'cancelled' }])
  },

  async 'a thousand ends are told, each once'({ backend, expect }) {
    const jobs = Array.from({ length: 1_000 }, () => newJob())
    await backend.publish(jobs)
    using watch = watched(backend, jobs.map(({ id }) => id))
    for (let more = true; more;) {
      const { deliveries } = await backend.reserve(request({ room: { thread: 70 } }))
      await backend.settle(deliveries.map(succeed))
      more = deliveries.length > 0
    }
    const endings = await watch.all
    expect([endings.length, new Set(endings.map(({ job }) => job)).size]).toEqual([1_000, 1_000])
  },

  async 'a watch that was disposed hears nothing'({ backend, expect }) {
    const delivery = await deliver(backend)
    const disposed = watched(backend, [delivery.job])
    using watch = watched(backend, [delivery.job])
    disposed[Symbol.dispose]()
    await backend.settle([succeed(delivery)])
    await watch.all
    expect(disposed.told).toEqual([])
  },

  async 'a job that was taken back from a watch is not told'({ backend, expect }) {
    const [dropped, kept] = [await deliver(backend), await deliver(backend)]
    const told: string[] = []
    const { promise, resolve } = Promise.withResolvers<void>()
    using watch = backend.watch((endings) => {
      told.push(...endings.map(({ job }) => job))
      resolve()
    }, () => {})
    watch.add(dropped.job)
    watch.add(kept.job)
    watch.delete(dropped.job)
    await backend.settle([succeed(dropped), succeed(kept)])
    await promise
    expect(told).toEqual([kept.job])
  }
}
