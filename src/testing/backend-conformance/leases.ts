import { rescueLimit } from '../../jobs/limits.ts'
import { type Cases, deliver, ids, newJob, read, ref, request, settlement, succeed, woken } from './bench.ts'

export const leaseCases: Cases = {
  async 'the jobs of a worker whose lease ran out are ready again, uncharged'({ backend, clock, expect }) {
    const delivery = await deliver(backend, {}, { lease: 1_000 })
    await clock.advance(999)
    expect(await backend.sweep(Infinity)).toEqual({ rescued: [], buried: [], stalled: false })
    await clock.advance(1)
    expect(await backend.sweep(Infinity)).toEqual({ rescued: [ref(delivery)], buried: [], stalled: false })
    const job = await read(backend, delivery.job)
    expect(job).toMatchObject({ state: 'ready', attempt: 0, token: 1, rescues: 1 })
    expect(job.worker).toBe(undefined)
    expect(await backend.settle([succeed(delivery)])).toEqual({ stale: [ref(delivery)] })
    expect((await backend.reserve(request({ worker: 'worker-2' }))).deliveries).toMatchObject([{ job: delivery.job, attempt: 1, token: 2 }])
    expect(await backend.settle([succeed(delivery)])).toEqual({ stale: [ref(delivery)] })
  },

  async 'reserving renews all that the worker holds'({ backend, clock, expect }) {
    await deliver(backend, {}, { lease: 1_000 })
    await clock.advance(900)
    await backend.reserve(request({ lease: 1_000, room: {} }))
    await clock.advance(900)
    expect((await backend.sweep(Infinity)).rescued).toEqual([])
  },

  async 'extending renews, and names what is lost'({ backend, clock, expect }) {
    const [kept, lost] = [await deliver(backend, {}, { lease: 1_000 }), await deliver(backend, {}, { lease: 1_000 })]
    const unknown = { job: 'nobody-knows', token: 1 }
    await backend.settle([settlement(lost, { event: 'release' })])
    await clock.advance(900)
    expect(await backend.extend('worker-1', [ref(kept), ref(lost), unknown], 1_000)).toEqual([ref(lost), unknown])
    await clock.advance(900)
    expect((await backend.sweep(Infinity)).rescued).toEqual([])
    expect(await backend.extend('worker-2', [ref(kept)], 1_000)).toEqual([ref(kept)])
    await clock.advance(100)
    await backend.sweep(Infinity)
    expect(await backend.extend('worker-1', [ref(kept)], 1_000)).toEqual([ref(kept)])
  },

  async 'what a worker holds and does not name goes back, uncharged, once it was reserved two leases ago: the answer that told of it was lost'({ backend, clock, expect }) {
    const lasting = { lease: 60_000 }
    const [named, unnamed] = [await deliver(backend, {}, lasting), await deliver(backend, {}, lasting)]
    await clock.advance(1_900)
    const young = await deliver(backend, {}, lasting)
    expect(await backend.extend('worker-1', [ref(named)], 1_000)).toEqual([])
    expect(await read(backend, unnamed.job)).toMatchObject({ state: 'active' })
    await clock.advance(100)
    using listening = await woken(backend, ['default'])
    expect(await backend.extend('worker-1', [ref(named), { ...ref(unnamed), token: 7 }], 1_000)).toEqual([{ ...ref(unnamed), token: 7 }])
    await listening.heard
    expect(await read(backend, named.job)).toMatchObject({ state: 'active', token: 1 })
    expect(await read(backend, young.job)).toMatchObject({ state: 'active', token: 1 })
    expect(await read(backend, unnamed.job)).toMatchObject({ state: 'ready', attempt: 0, token: 1, rescues: 0 })
    expect(await backend.settle([succeed(unnamed)])).toEqual({ stale: [ref(unnamed)] })
    expect(ids(await backend.reserve(request({ worker: 'worker-2', ...lasting })))).toEqual([unnamed.job])
    // It is another's now; what is on its way to one cannot be named.
    await clock.advance(2_000)
    await backend.extend('worker-2', [], 1_000, undefined, 1)
    expect(await read(backend, unnamed.job)).toMatchObject({ state: 'active' })
    await clock.advance(1)
    await backend.extend('worker-2', [], 1_000)
    expect(await backend.extend('worker-1', [], 1_000)).toEqual([])
    expect(ids(await backend.reserve(request({ worker: 'worker-3' })))).toEqual([named.job, unnamed.job, young.job])
  },

  async 'who has lost a job and taken it again names both attempts, and keeps the one that it holds'({ backend, clock, expect }) {
    const lost = await deliver(backend, {}, { lease: 1_000 })
    await clock.advance(1_000)
    await backend.sweep(Infinity)
    const again = (await backend.reserve(request({ lease: 60_000 }))).deliveries[0]!
    expect(again).toMatchObject({ job: lost.job, token: 2 })
    await clock.advance(60_000)
    for (const held of [[ref(again), ref(lost)], [ref(lost), ref(again), ref(again)]]) expect(await backend.extend('worker-1', held, 1_000)).toEqual([ref(lost)])
    expect(await read(backend, lost.job)).toMatchObject({ state: 'active', token: 2 })
  },

  async 'a job is set aside after too many workers died with it'({ backend, clock, expect }) {
    const { job } = await deliver(backend, {}, { lease: 1_000 })
    for (let deaths = 1; deaths < rescueLimit; deaths++) {
      await clock.advance(1_000)
      expect(await backend.sweep(Infinity)).toEqual({ rescued: [{ job, token: deaths }], buried: [], stalled: false })
      expect(ids(await backend.reserve(request({ worker: `worker-${deaths}`, lease: 1_000 })))).toEqual([job])
    }
    await clock.advance(1_000)
    expect(await backend.sweep(Infinity)).toEqual({ rescued: [], buried: [job], stalled: false })
    expect(await read(backend, job)).toMatchObject({ state: 'dead', rescues: rescueLimit, error: { code: 'WORKER_LOST' } })
  },

  async 'a listener is woken by what is rescued'({ backend, clock }) {
    await deliver(backend, {}, { lease: 1_000 })
    await clock.advance(1_000)
    using listening = await woken(backend, ['default'])
    await backend.sweep(Infinity)
    await listening.heard
  },

  async 'a cancel wins over a rescue'({ backend, clock, expect }) {
    const { job } = await deliver(backend, {}, { lease: 1_000 })
    await backend.commit([{ job, event: 'cancel' }])
    await clock.advance(1_000)
    expect(await backend.sweep(Infinity)).toEqual({ rescued: [], buried: [], stalled: false })
    expect((await read(backend, job)).state).toBe('cancelled')
  },

  async 'a worker that left holds nothing, and is listed no more'({ backend, clock, expect }) {
    const delivery = await deliver(backend)
    await backend.leave('worker-1')
    expect(await read(backend, delivery.job)).toMatchObject({ state: 'ready', attempt: 0, rescues: 0 })
    expect((await backend.stats()).workers).toEqual([])
    await clock.advance(100_000)
    expect((await backend.sweep(Infinity)).rescued).toEqual([])
    await backend.leave('worker-1')
  },

  async 'statistics say how long each worker has, and how long the oldest job waited'({ backend, clock, expect }) {
    await deliver(backend, {}, { lease: 1_000 })
    await backend.publish([newJob(), newJob({ delay: 50 })])
    await clock.advance(400)
    const { workers, oldestReady } = await backend.stats()
    expect(workers).toEqual([{ id: 'worker-1', leaseLeft: 600, active: 1, capacity: 0, queues: [] }])
    expect(oldestReady).toBe(400)
    await clock.advance(600)
    expect((await backend.stats()).workers).toEqual([])
  }
}
