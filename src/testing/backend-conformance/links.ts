import { referenceTo } from '../../wire/claim-check.ts'
import { decode } from '../../wire/codec.ts'
import { type Cases, bytes, deliver, error, ids, newJob, read, request, result, settlement, spent, succeed, watched, woken } from './bench.ts'

/** What is published as another job ends. */
export const linkCases: Cases = {
  async 'a success publishes its links in the same breath, and tells them of it'({ backend, expect }) {
    const [next, other, sorry] = [newJob({ task: 'next', payload: bytes('next'), tags: ['x'] }), newJob({ queue: 'other', delay: 1_000 }), newJob()]
    const parent = await deliver(backend, { links: [{ on: 'success', job: next }, { on: 'failure', job: sorry }, { on: 'success', job: other }] })
    expect(await backend.read([next.id])).toEqual([undefined])
    const { reservation } = await backend.settle([succeed(parent)], request())
    expect(reservation?.deliveries).toMatchObject([{ job: next.id, task: 'next', payload: bytes('next'), attempt: 1 }])
    expect(await backend.read([sorry.id])).toEqual([undefined])
    const told = { job: parent.job, token: 1, state: 'succeeded', outcome: result }
    expect((await read(backend, next.id)).parent).toEqual(told)
    expect(await read(backend, other.id)).toMatchObject({ state: 'scheduled', queue: 'other', parent: told })
    expect((await read(backend, parent.job)).parent).toBe(undefined)
    expect((await backend.stats()).queues['other']).toMatchObject({ scheduled: 1 })
  },

  async 'a failure, and a death, publish theirs; a retry and a cancel publish nothing'({ backend, expect }) {
    for (const outcome of [{ event: 'fail', error }, { event: 'bury', error }] as const) {
      const [next, sorry] = [newJob(), newJob()]
      const links = [{ on: 'success', job: next }, { on: 'failure', job: sorry }] as const
      const first = await deliver(backend, { links })
      await backend.settle([settlement(first, { event: 'retry', delay: 0, error })])
      expect(await backend.read([sorry.id])).toEqual([undefined])
      const { deliveries: [second] } = await backend.reserve(request())
      await backend.settle([settlement(second!, outcome)])
      const { parent } = await read(backend, sorry.id)
      expect([parent?.job, parent?.state, decode(parent!.outcome)]).toEqual([first.job, outcome.event === 'fail' ? 'failed' : 'dead', error])
      expect(await backend.read([next.id])).toEqual([undefined])
      await backend.settle((await backend.reserve(request())).deliveries.map(succeed))
    }
    const [never, waiting] = [newJob(), newJob()]
    await backend.publish([{ ...waiting, links: [{ on: 'failure', job: never }, { on: 'success', job: newJob() }] }])
    await backend.commit([{ job: waiting.id, event: 'cancel' }])
    expect(await backend.read([never.id])).toEqual([undefined])
  },

  async 'a job whose result is a reference stays until those that it published have ended; others are purged'({ backend, expect }) {
    const reference = await referenceTo(new Uint8Array(5_000))
    const [one, two, never] = [newJob({ delay: 1_000 }), newJob({ queue: 'other' }), newJob()]
    const links = [{ on: 'success', job: one }, { on: 'success', job: two }, { on: 'failure', job: never }] as const
    const large = await deliver(backend, { links })
    const small = await deliver(backend, { links: [{ on: 'success', job: newJob({ delay: 1_000 }) }] })
    const alone = await deliver(backend, { links: [{ on: 'failure', job: never }] })
    await backend.settle([large, small, alone].map((job) => settlement(job, { event: 'succeed', result: job === small ? result : reference, spent })))
    const purged = async (): Promise<readonly string[]> => (await backend.purge({ states: ['succeeded'], olderThan: 0, limit: 100 })).jobs
    expect(await purged()).toEqual([small.job, alone.job])
    const { deliveries: [second] } = await backend.reserve(request({ queues: ['other'] }))
    await backend.settle([succeed(second!)])
    expect(await purged()).toEqual([two.id])
    expect((await read(backend, large.job)).result).toEqual(reference)
    await backend.commit([{ job: one.id, event: 'cancel' }])
    expect(await purged()).toEqual([large.job])
  },

  async 'a job that expires publishes what its failure publishes, and wakes who listens'({ backend, clock, expect }) {
    const sorry = newJob()
    await backend.publish([newJob({ expires: 1_000, links: [{ on: 'failure', job: sorry }] })])
    await clock.advance(1_000)
    using listening = await woken(backend, ['default'])
    await backend.sweep(Infinity)
    await listening.heard
    expect(ids(await backend.reserve(request()))).toEqual([sorry.id])
  },

  async 'what is published so may publish others, and its end is told'({ backend, expect }) {
    const last = newJob({ payload: bytes('last') })
    const middle = newJob({ links: [{ on: 'success', job: last }] })
    using watch = watched(backend, [last.id])
    const parent = await deliver(backend, { links: [{ on: 'success', job: middle }] })
    for (let [delivery] = [parent] as readonly (typeof parent | undefined)[]; delivery;) {
      const { reservation } = await backend.settle([succeed(delivery)], request())
      delivery = reservation?.deliveries[0]
    }
    expect(await watch.all).toMatchObject([{ job: last.id, state: 'succeeded' }])
    expect((await read(backend, last.id)).parent?.job).toBe(middle.id)
  },

  async 'a link is published once, whatever becomes of the job after that; one that never was succeeds later'({ backend, expect }) {
    const [next, sorry] = [newJob(), newJob()]
    const parent = await deliver(backend, { links: [{ on: 'success', job: next }, { on: 'failure', job: sorry }] })
    await backend.settle([settlement(parent, { event: 'fail', error })])
    for (const end of [{ event: 'fail', error } as const, undefined]) {
      await backend.commit([{ job: parent.job, event: 'revive' }])
      const delivery = (await backend.reserve(request())).deliveries.find(({ job }) => job === parent.job)!
      await backend.settle([end ? settlement(delivery, end) : succeed(delivery)])
    }
    expect((await backend.list({ limit: 100 })).map(({ id }) => id).toSorted()).toEqual([parent.job, next.id, sorry.id].toSorted())
  },

  async 'a link that is to be the only one of its key is not published while another holds that'({ backend, expect }) {
    const unique = { key: 'key', window: 0, taken: 'reject' } as const
    const [holder, next] = [newJob({ unique }), newJob({ unique })]
    const parent = await deliver(backend, { links: [{ on: 'success', job: next }] })
    await backend.publish([holder])
    await backend.settle([succeed(parent)])
    expect(await backend.read([next.id])).toEqual([undefined])
    expect(ids(await backend.reserve(request()))).toEqual([holder.id])
  },

  async 'a chain of a hundred links is published link by link'({ backend, expect }) {
    let first = newJob({ task: 'last' })
    for (let made = 0; made < 100; made++) first = newJob({ links: [{ on: 'success', job: first }], tags: ['x', 'y'], unique: { key: `${made}`, window: 0, taken: 'reject' } })
    await backend.publish([first])
    const tasks: string[] = []
    for (let { deliveries } = await backend.reserve(request()); deliveries.length > 0; ({ deliveries } = await backend.reserve(request()))) {
      tasks.push(...deliveries.map(({ task }) => task))
      await backend.settle(deliveries.map(succeed))
    }
    expect(tasks).toEqual([...Array.from({ length: 100 }, () => 'task'), 'last'])
  },

  async 'what an expired job publishes may take the place of one that was next: it is as it says, and there once'({ backend, clock, expect }) {
    const unique = { key: 'key', window: 0, taken: 'replace' } as const
    for (const [queue, delay] of [['a', 0], ['b', 1_000], ['c', 0], ['d', 1_000]] as const) {
      if (queue > 'b') await backend.gate([{ queue, task: 'other', rule: { concurrency: 1 } }])
      const [dies, next] = [newJob({ queue, expires: 10, links: [{ on: 'failure', job: newJob({ queue, delay, priority: 5, unique, task: 'new' }) }] }), newJob({ queue, unique })]
      await backend.publish([dies, next])
      await clock.advance(10)
      const asked = request({ queues: [queue], room: { thread: 10 } })
      expect((await backend.reserve(asked)).deliveries.map(({ task }) => task)).toEqual(delay === 0 ? ['new'] : [])
      expect((await backend.stats()).queues[queue]).toMatchObject({ ready: 0, active: delay === 0 ? 1 : 0, scheduled: delay === 0 ? 0 : 1, dead: 1 })
      await clock.advance(delay)
      const rest = (await backend.reserve(asked)).deliveries
      expect(rest.map(({ job, task }) => [job, task])).toEqual(delay === 0 ? [] : [[next.id, 'new']])
    }
  }
}
