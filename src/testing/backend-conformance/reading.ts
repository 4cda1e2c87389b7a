import { type Cases, deliver, error, newJob, read, request, settlement, succeed } from './bench.ts'

export const readingCases: Cases = {
  async 'jobs are read in the order asked'({ backend, expect }) {
    const [a, b] = [newJob(), newJob()]
    await backend.publish([a, b])
    const jobs = await backend.read([b.id, 'nobody-knows', a.id, b.id])
    expect(jobs.map((job) => job?.id)).toEqual([b.id, undefined, a.id, b.id])
  },

  async 'jobs are listed page by page, in the order of their arrival'({ backend, expect }) {
    const jobs = Array.from({ length: 7 }, () => newJob())
    await backend.publish(jobs.slice(0, 4))
    await backend.publish(jobs.slice(4))
    const pages: string[][] = []
    for (let after: string | undefined; ;) {
      const page = await backend.list({ limit: 3, ...(after === undefined ? {} : { after }) })
      if (page.length === 0) break
      pages.push(page.map(({ id }) => id))
      after = page.at(-1)!.id
    }
    const ids = jobs.map(({ id }) => id)
    expect(pages).toEqual([ids.slice(0, 3), ids.slice(3, 6), ids.slice(6)])
  },

  async 'a page goes on where the one before ended, also where its last job was purged meanwhile'({ backend, expect }) {
    const [first, last] = [await deliver(backend), await deliver(backend)]
    const next = newJob()
    await backend.publish([next])
    await backend.settle([succeed(last)])
    await backend.purge({ states: ['succeeded'], olderThan: 0, limit: 1 })
    expect((await backend.list({ limit: 10 })).map(({ id }) => id)).toEqual([first.job, next.id])
    expect((await backend.list({ after: last.job, limit: 10 })).map(({ id }) => id)).toEqual([next.id])
  },

  async 'a list is filtered by state, queue and task'({ backend, expect }) {
    const done = await deliver(backend, { queue: 'a', task: 'sum' })
    await backend.settle([succeed(done)])
    const waiting = newJob({ queue: 'a' })
    const other = newJob({ queue: 'b', task: 'sum' })
    await backend.publish([waiting, other])
    const idsOf = async (filter: object): Promise<string[]> => (await backend.list({ limit: 10, ...filter })).map(({ id }) => id)
    expect(await idsOf({ state: 'succeeded' })).toEqual([done.job])
    expect(await idsOf({ queue: 'a' })).toEqual([done.job, waiting.id])
    expect(await idsOf({ task: 'sum' })).toEqual([done.job, other.id])
    expect(await idsOf({ task: 'sum', state: 'ready', queue: 'b' })).toEqual([other.id])
    expect(await idsOf({ task: 'sum', state: 'failed' })).toEqual([])
    const running = await deliver(backend, { queue: 'c' })
    const failed = await deliver(backend, { queue: 'c', task: 'product' })
    await backend.settle([settlement(failed, { event: 'fail', error })])
    expect(await idsOf({ state: 'active' })).toEqual([running.job])
    expect(await idsOf({ state: 'active', after: running.job })).toEqual([])
    expect(await idsOf({ state: 'failed', task: 'product' })).toEqual([failed.job])
    expect(await idsOf({ state: 'failed', queue: 'a' })).toEqual([])
  },

  async 'jobs are found, and purged, by their tags'({ backend, expect }) {
    const [both, one, none] = [newJob({ tags: ['tenant-1', 'nightly'] }), newJob({ tags: ['tenant-2'] }), newJob()]
    await backend.publish([both, one, none])
    const tagged = async (tag: string): Promise<string[]> => (await backend.list({ limit: 10, tag })).map(({ id }) => id)
    expect([await tagged('tenant-1'), await tagged('nightly'), await tagged('tenant-2'), await tagged('tenant')]).toEqual([[both.id], [both.id], [one.id], []])
    expect((await read(backend, both.id)).tags).toEqual(['tenant-1', 'nightly'])
    await backend.settle((await backend.reserve(request())).deliveries.map(succeed))
    expect((await backend.purge({ states: ['succeeded'], tag: 'tenant-2', olderThan: 0, limit: 10 })).jobs).toEqual([one.id])
    expect(await tagged('tenant-2')).toEqual([])
  },

  async 'statistics count each queue and each state'({ backend, expect }) {
    expect(await backend.stats()).toEqual({ queues: {}, workers: [], oldestReady: 0 })
    const done = await deliver(backend, { queue: 'a' })
    await backend.settle([succeed(done)])
    await deliver(backend, { queue: 'a' })
    await backend.publish([newJob({ queue: 'a' }), newJob({ queue: 'b', delay: 60_000 }), newJob({ queue: 'b' })])
    const { queues, workers } = await backend.stats()
    const none = { scheduled: 0, ready: 0, active: 0, waiting: 0, succeeded: 0, failed: 0, cancelled: 0, dead: 0 }
    expect(queues).toEqual({ a: { ...none, ready: 1, active: 1, succeeded: 1 }, b: { ...none, ready: 1, scheduled: 1 } })
    expect(workers).toMatchObject([{ id: 'worker-1', active: 1 }])
  }
}
