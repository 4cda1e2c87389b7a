import { type Cases, deliver, ids, newJob, read, request, succeed, watched, woken } from './bench.ts'

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
  },

  async 'a listener is woken by another handle'({ backend, another }) {
    const other = await another()
    using listening = await woken(other, ['default'])
    await backend.publish([newJob()])
    await listening.heard
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
  }
}
