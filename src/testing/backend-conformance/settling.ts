import { type Cases, deliver, error, ids, newJob, read, ref, request, result, settlement, spent, succeed } from './bench.ts'

export const settlingCases: Cases = {
  async 'a success keeps its result and its cost'({ backend, expect }) {
    const delivery = await deliver(backend)
    expect(await backend.settle([succeed(delivery)])).toEqual({ stale: [] })
    const job = await read(backend, delivery.job)
    expect(job).toMatchObject({ state: 'succeeded', attempt: 1, result, spent })
    expect([job.worker, job.error, job.finishedAt! >= job.createdAt]).toEqual([undefined, undefined, true])
  },

  async 'an empty result is a result'({ backend, expect }) {
    const delivery = await deliver(backend)
    await backend.settle([settlement(delivery, { event: 'succeed', result: new Uint8Array(0), spent })])
    expect((await read(backend, delivery.job)).result).toEqual(new Uint8Array(0))
  },

  async 'a failure keeps its error whole'({ backend, expect }) {
    const delivery = await deliver(backend)
    await backend.settle([settlement(delivery, { event: 'fail', error, spent })])
    expect(await read(backend, delivery.job)).toMatchObject({ state: 'failed', error, spent, attempt: 1 })
  },

  async 'an error that is no data leaves no batch half done'({ backend, expect }) {
    const [first, second] = [await deliver(backend), await deliver(backend)]
    const strange = { name: 'Strange', message: 'odd', fields: { self: Symbol('no data') } }
    await backend.settle([settlement(first, { event: 'fail', error: strange }), succeed(second)]).catch(() => {})
    const states = (await backend.read([first.job, second.job])).map((job) => job!.state)
    expect(states).toEqual(states[0] === 'active' ? ['active', 'active'] : ['failed', 'succeeded'])
  },

  async 'many that succeed together are kept, and one of them that was lost is refused alone'({ backend, expect }) {
    for (const many of [2, 10, 11, 40]) {
      await backend.publish(Array.from({ length: many }, () => newJob()))
      const { deliveries } = await backend.reserve(request({ room: { thread: many } }))
      expect(deliveries.length).toBe(many)
      const lost = deliveries[many >> 1]!
      await backend.settle([settlement(lost, { event: 'release' })])
      const { stale } = await backend.settle(deliveries.map((delivery) => succeed(delivery)))
      expect(stale).toEqual([ref(lost)])
      const states = (await backend.read(deliveries.map(({ job }) => job))).map((job) => job!.state)
      expect(states.filter((state) => state !== 'succeeded')).toEqual(['ready'])
      const [again] = (await backend.reserve(request())).deliveries
      await backend.settle([succeed(again!)])
    }
  },

  async 'a retry waits for its time, and the next attempt is charged'({ backend, expect }) {
    const delivery = await deliver(backend)
    await backend.settle([settlement(delivery, { event: 'retry', delay: 0, error, spent })])
    expect(await read(backend, delivery.job)).toMatchObject({ state: 'scheduled', attempt: 1, token: 1, error, spent })
    const [again] = (await backend.reserve(request())).deliveries
    expect(again).toMatchObject({ job: delivery.job, token: 2, attempt: 2 })
    await backend.settle([succeed(again!)])
    const job = await read(backend, delivery.job)
    expect([job.state, job.error, job.attempt]).toEqual(['succeeded', undefined, 2])
  },

  async 'a job that is handed back is not charged, and its token still rises'({ backend, expect }) {
    const delivery = await deliver(backend)
    await backend.settle([settlement(delivery, { event: 'release' })])
    expect(await read(backend, delivery.job)).toMatchObject({ state: 'ready', attempt: 0, token: 1 })
    expect((await backend.reserve(request())).deliveries).toMatchObject([{ job: delivery.job, attempt: 1, token: 2 }])
  },

  async 'a job that was put off comes later, uncharged, with the reason'({ backend, expect }) {
    const delivery = await deliver(backend)
    await backend.settle([settlement(delivery, { event: 'defer', delay: 60_000, error })])
    expect(await read(backend, delivery.job)).toMatchObject({ state: 'scheduled', attempt: 0, token: 1, error })
    const { deliveries, nextDue } = await backend.reserve(request())
    expect(deliveries).toEqual([])
    expect(nextDue).toBeLessThanOrEqual(60_000)
  },

  async 'a job is set aside with its cause'({ backend, expect }) {
    const delivery = await deliver(backend)
    await backend.settle([settlement(delivery, { event: 'bury', error })])
    expect(await read(backend, delivery.job)).toMatchObject({ state: 'dead', error })
  },

  async 'a stopped job is cancelled'({ backend, expect }) {
    const delivery = await deliver(backend)
    await backend.settle([settlement(delivery, { event: 'stop' })])
    expect(await read(backend, delivery.job)).toMatchObject({ state: 'cancelled' })
  },

  async 'what is stale is refused and named, and the rest counts'({ backend, expect }) {
    const [held, done, released] = [await deliver(backend), await deliver(backend), await deliver(backend)]
    await backend.settle([succeed(done), settlement(released, { event: 'release' })])
    const before = await read(backend, done.job)
    const unknown = { job: 'nobody-knows', token: 1 }
    const early = { job: held.job, token: held.token + 1 }
    const { stale } = await backend.settle([done, released, unknown, early, held].map((one) => settlement(one, { event: 'fail', error })))
    expect(stale).toEqual([ref(done), ref(released), unknown, early])
    expect(await read(backend, done.job)).toEqual(before)
    expect((await read(backend, released.job)).state).toBe('ready')
    expect((await read(backend, held.job)).state).toBe('failed')
  },

  async 'only the first of two outcomes of one attempt counts'({ backend, expect }) {
    const delivery = await deliver(backend)
    expect(await backend.settle([succeed(delivery), settlement(delivery, { event: 'fail', error })])).toEqual({ stale: [ref(delivery)] })
    expect((await read(backend, delivery.job)).state).toBe('succeeded')
  },

  async 'settling and reserving are one breath'({ backend, expect }) {
    const next = newJob()
    const delivery = await deliver(backend)
    await backend.publish([next])
    const settled = await backend.settle([succeed(delivery)], request())
    expect(ids(settled.reservation)).toEqual([next.id])
    expect(settled.stale).toEqual([])
    // Retried at once, it is due in the same breath.
    const [second] = settled.reservation!.deliveries
    const { reservation } = await backend.settle([settlement(second!, { event: 'retry', delay: 0, error })], request())
    expect(reservation?.deliveries).toMatchObject([{ job: next.id, attempt: 2, token: 2 }])
  }
}
