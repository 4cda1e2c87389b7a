import { type Cases, bytes, deliver, ids, newJob, read, request } from './bench.ts'

export const publishingCases: Cases = {
  async 'a published job is ready, and delivered with all it came with'({ backend, expect }) {
    const job = newJob({ task: 'sum', place: 'loop', priority: 3, payload: bytes('1 + 1') })
    await backend.publish([job])
    expect(await read(backend, job.id)).toMatchObject({
      id: job.id, task: 'sum', queue: 'default', place: 'loop', priority: 3, state: 'ready',
      attempt: 0, token: 0, rescues: 0, cancelling: false, expiresAt: Infinity
    })
    const { deliveries, cancelling, nextDue } = await backend.reserve(request())
    expect(deliveries).toEqual([{ job: job.id, token: 1, task: 'sum', place: 'loop', attempt: 1, suspect: false, deaths: 0, deferrals: 0, payload: bytes('1 + 1') }])
    expect([cancelling, nextDue]).toEqual([[], Infinity])
    expect(await read(backend, job.id)).toMatchObject({ state: 'active', worker: 'worker-1', attempt: 1, token: 1 })
  },

  async 'publishing again changes nothing, within a batch and later'({ backend, expect }) {
    const job = newJob()
    await backend.publish([job, { ...job, payload: bytes('another') }])
    const [delivery] = (await backend.reserve(request())).deliveries
    expect(delivery?.payload).toEqual(job.payload)
    const before = await read(backend, job.id)
    const other = newJob()
    await backend.publish([job, other])
    expect(await read(backend, job.id)).toEqual(before)
    expect(ids(await backend.reserve(request()))).toEqual([other.id])
  },

  async 'an empty batch is nothing'({ backend, expect }) {
    await backend.publish([])
    expect(await backend.settle([])).toEqual({ stale: [] })
    expect(await backend.commit([])).toEqual([])
    expect(await backend.read([])).toEqual([])
  },

  async 'a payload of a mebibyte arrives whole'({ backend, expect }) {
    const payload = Uint8Array.from({ length: 2 ** 20 }, (_, at) => at * 31 % 251)
    const delivery = await deliver(backend, { payload })
    expect(Buffer.compare(delivery.payload, payload)).toBe(0)
  },

  async 'an empty payload arrives empty'({ backend, expect }) {
    expect((await deliver(backend, { payload: new Uint8Array(0) })).payload).toEqual(new Uint8Array(0))
  },

  async 'names are text, whatever is in them'({ backend, expect }) {
    const queue = "it's \"a\" queue; DROP TABLE – ключ __proto__"
    const delivery = await deliver(backend, { queue, task: 'naïve/\u{1F9F5}' })
    expect(delivery.task).toBe('naïve/\u{1F9F5}')
    expect((await backend.stats()).queues[queue]).toMatchObject({ active: 1 })
  }
}
