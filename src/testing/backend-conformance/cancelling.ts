import { type Cases, deliver, error, ids, newJob, read, ref, request, settlement, succeed } from './bench.ts'

export const cancellingCases: Cases = {
  async 'a job that waits is cancelled at once'({ backend, expect }) {
    const jobs = [newJob(), newJob({ delay: 60_000 })]
    await backend.publish(jobs)
    expect(await backend.commit(jobs.map(({ id }) => ({ job: id, event: 'cancel' as const })))).toEqual(['cancelled', 'cancelled'])
    const { deliveries, nextDue } = await backend.reserve(request())
    expect([deliveries, nextDue]).toEqual([[], Infinity])
    expect((await read(backend, jobs[0]!.id)).finishedAt !== undefined).toBe(true)
  },

  async 'a job that has ended stays as it is, and an unknown one is unknown'({ backend, expect }) {
    const delivery = await deliver(backend)
    await backend.settle([succeed(delivery)])
    const before = await read(backend, delivery.job)
    expect(await backend.commit([{ job: delivery.job, event: 'cancel' }, { job: 'nobody-knows', event: 'cancel' }])).toEqual(['succeeded', undefined])
    expect(await read(backend, delivery.job)).toEqual(before)
  },

  async 'a running job stays with its worker, who is told until it settles'({ backend, expect }) {
    const delivery = await deliver(backend)
    const cancel = [{ job: delivery.job, event: 'cancel' as const }]
    expect(await backend.commit(cancel)).toEqual(['active'])
    expect(await backend.commit(cancel)).toEqual(['active'])
    expect(await read(backend, delivery.job)).toMatchObject({ state: 'active', cancelling: true })
    for (let times = 0; times < 2; times++) expect((await backend.reserve(request())).cancelling).toEqual([ref(delivery)])
    expect((await backend.reserve(request({ worker: 'worker-2' }))).cancelling).toEqual([])
    const { reservation } = await backend.settle([settlement(delivery, { event: 'stop' })], request())
    expect(reservation?.cancelling).toEqual([])
    expect(await read(backend, delivery.job)).toMatchObject({ state: 'cancelled', cancelling: false })
  },

  async 'a success that comes all the same is a success'({ backend, expect }) {
    const delivery = await deliver(backend)
    await backend.commit([{ job: delivery.job, event: 'cancel' }])
    await backend.settle([succeed(delivery)])
    expect(await read(backend, delivery.job)).toMatchObject({ state: 'succeeded', cancelling: false })
  },

  async 'a cancel wins over all that would have the job run again'({ backend, expect }) {
    for (const outcome of [{ event: 'retry', delay: 0, error }, { event: 'release' }, { event: 'defer', delay: 0, error }] as const) {
      const delivery = await deliver(backend)
      await backend.commit([{ job: delivery.job, event: 'cancel' }])
      expect(ids((await backend.settle([settlement(delivery, outcome)], request())).reservation)).toEqual([])
      expect(await read(backend, delivery.job)).toMatchObject({ state: 'cancelled', cancelling: false })
    }
  },

  async 'a cancel wins where the worker leaves'({ backend, expect }) {
    const delivery = await deliver(backend)
    await backend.commit([{ job: delivery.job, event: 'cancel' }])
    await backend.leave('worker-1')
    expect((await read(backend, delivery.job)).state).toBe('cancelled')
  }
}
