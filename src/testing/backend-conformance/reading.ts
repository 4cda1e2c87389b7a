import { type Cases, deliver, newJob, succeed } from './bench.ts'

export const readingCases: Cases = {
  async 'jobs are read in the order asked'({ backend, expect }) {
    const [a, b] = [newJob(), newJob()]
    await backend.publish([a, b])
    const jobs = await backend.read([b.id, 'nobody-knows', a.id, b.id])
    expect(jobs.map((job) => job?.id)).toEqual([b.id, undefined, a.id, b.id])
  },

  async 'jobs are listed page by page, in the order of their ids'({ backend, expect }) {
    const jobs = Array.from({ length: 7 }, () => newJob())
    await backend.publish(jobs.toReversed())
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
