import { type Cases, error, ids, newJob, read, request, settlement } from './bench.ts'

export const delayCases: Cases = {
  async 'a delayed job is delivered when it is due, not a moment before'({ backend, clock, expect }) {
    const [soon, late] = [newJob({ delay: 1_000 }), newJob({ delay: 5_000 })]
    await backend.publish([late, soon])
    expect(await backend.reserve(request())).toEqual({ deliveries: [], cancelling: [], nextDue: 1_000 })
    await clock.advance(999)
    expect(await backend.reserve(request())).toEqual({ deliveries: [], cancelling: [], nextDue: 1 })
    await clock.advance(1)
    const due = await backend.reserve(request())
    expect([ids(due), due.nextDue]).toEqual([[soon.id], 4_000])
  },

  async 'the next one due is named whatever its queue'({ backend, expect }) {
    await backend.publish([newJob({ queue: 'other', delay: 70 })])
    expect((await backend.reserve(request())).nextDue).toBe(70)
  },

  async 'a retry comes after its delay'({ backend, clock, expect }) {
    await backend.publish([newJob()])
    const [delivery] = (await backend.reserve(request())).deliveries
    const { reservation } = await backend.settle([settlement(delivery!, { event: 'retry', delay: 250.5, error })], request())
    expect([ids(reservation), reservation?.nextDue]).toEqual([[], 250.5])
    await clock.advance(251)
    expect((await backend.reserve(request())).deliveries).toMatchObject([{ job: delivery!.job, attempt: 2 }])
  },

  async 'a job that has not started when it expires never does'({ backend, clock, expect }) {
    const [brief, long, delayed] = [newJob({ expires: 100 }), newJob({ expires: 101 }), newJob({ delay: 50, expires: 100 })]
    await backend.publish([brief, long, delayed])
    await clock.advance(100)
    expect(ids(await backend.reserve(request({ room: { thread: 1 } })))).toEqual([long.id])
    expect(await read(backend, brief.id)).toMatchObject({ state: 'dead', error: { code: 'JOB_EXPIRED' }, attempt: 0 })
    expect((await backend.sweep(Infinity)).buried).toEqual([delayed.id])
    expect((await backend.sweep(Infinity)).buried).toEqual([])
  },

  async 'a job that has started does not expire, also when it is tried again'({ backend, clock, expect }) {
    const job = newJob({ expires: 100 })
    await backend.publish([job])
    const [delivery] = (await backend.reserve(request())).deliveries
    await backend.settle([settlement(delivery!, { event: 'retry', delay: 500, error })])
    await clock.advance(500)
    expect((await backend.sweep(Infinity)).buried).toEqual([])
    expect(ids(await backend.reserve(request()))).toEqual([job.id])
  },

  async 'an expired job does not take the place of one that may start'({ backend, clock, expect }) {
    const expired = Array.from({ length: 25 }, () => newJob({ expires: 10 }))
    const job = newJob({ priority: -1 })
    await backend.publish([...expired, job])
    await clock.advance(10)
    expect(ids(await backend.reserve(request({ room: { thread: 1 } })))).toEqual([job.id])
  },

  async 'many that fall due at once are all delivered'({ backend, clock, expect }) {
    await backend.publish(Array.from({ length: 2_500 }, (_, at) => newJob({ delay: 1 + at % 7 })))
    await clock.advance(10)
    let delivered = 0
    for (let nextDue = 0; nextDue < Infinity;) {
      const reservation = await backend.reserve(request({ room: { thread: 3_000 } }))
      delivered += reservation.deliveries.length
      nextDue = reservation.nextDue
    }
    expect(delivered).toBe(2_500)
  },

  async 'many that expired are passed over in the end'({ backend, clock, expect }) {
    const job = newJob({ priority: -1 })
    await backend.publish([...Array.from({ length: 2_500 }, () => newJob({ expires: 1 })), job])
    await clock.advance(1)
    for (;;) {
      const reservation = await backend.reserve(request())
      if (ids(reservation)[0] === job.id) break
      expect(reservation.nextDue).toBe(0)
    }
    expect((await backend.stats()).queues['default']).toMatchObject({ dead: 2_500, active: 1, ready: 0 })
  }
}
