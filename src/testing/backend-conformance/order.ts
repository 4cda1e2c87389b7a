import { type Cases, deliver, ids, newJob, request, settlement } from './bench.ts'

export const orderCases: Cases = {
  async 'higher priority first, then oldest'({ backend, expect }) {
    const jobs = [0, 5, -3, 5, 0, 32_767, -32_768].map((priority) => newJob({ priority }))
    await backend.publish(jobs.slice(0, 4))
    await backend.publish(jobs.slice(4))
    const order = [5, 1, 3, 0, 4, 2, 6].map((at) => jobs[at]!.id)
    expect(ids(await backend.reserve(request({ room: { thread: 2 } })))).toEqual(order.slice(0, 2))
    expect(ids(await backend.reserve(request()))).toEqual(order.slice(2))
  },

  async 'each place has its own room'({ backend, expect }) {
    const loop = [newJob({ place: 'loop' }), newJob({ place: 'loop' })]
    const thread = [newJob(), newJob()]
    await backend.publish([...thread, ...loop])
    expect(ids(await backend.reserve(request({ room: { loop: 1 } })))).toEqual([loop[0]!.id])
    expect(ids(await backend.reserve(request({ room: { loop: 0, thread: 1 } })))).toEqual([thread[0]!.id])
    expect(ids(await backend.reserve(request({ room: {} })))).toEqual([])
    expect(ids(await backend.reserve(request())).toSorted()).toEqual([thread[1]!.id, loop[1]!.id].toSorted())
  },

  async 'only the queues that were asked for are served'({ backend, expect }) {
    const [a, b, c] = ['a', 'b', 'c'].map((queue) => newJob({ queue }))
    await backend.publish([a!, b!, c!])
    expect(ids(await backend.reserve(request({ queues: ['b'] })))).toEqual([b!.id])
    expect(ids(await backend.reserve(request({ queues: [] })))).toEqual([])
    expect(ids(await backend.reserve(request({ queues: ['c', 'a', 'a', 'none'] })))).toEqual([a!.id, c!.id])
  },

  async 'several queues are one line'({ backend, expect }) {
    const jobs = ['a', 'b', 'a', 'b', 'b'].map((queue, at) => newJob({ queue, priority: at === 3 ? 1 : 0 }))
    await backend.publish(jobs)
    const order = [3, 0, 1, 2, 4].map((at) => jobs[at]!.id)
    expect(ids(await backend.reserve(request({ queues: ['b', 'a'], room: { thread: 3 } })))).toEqual(order.slice(0, 3))
    expect(ids(await backend.reserve(request({ queues: ['b', 'a'] })))).toEqual(order.slice(3))
  },

  async 'no job is delivered twice at once'({ backend, expect }) {
    await backend.publish(Array.from({ length: 100 }, () => newJob()))
    const taken = await Promise.all(Array.from({ length: 20 }, (_, at) => backend.reserve(request({ worker: `worker-${at}`, room: { thread: 7 } }))))
    expect(new Set(taken.flatMap(ids)).size).toBe(100)
    expect(taken.flatMap(ids).length).toBe(100)
  },

  async 'a job that was handed back keeps its turn'({ backend, expect }) {
    const first = await deliver(backend)
    const later = newJob()
    await backend.publish([later])
    await backend.settle([settlement(first, { event: 'release' })])
    expect(ids(await backend.reserve(request()))).toEqual([first.job, later.id])
  }
}
