import { type Bench, type Cases, deliver, error, ids, newJob, read, request, settlement } from './bench.ts'

/** A job whose worker died with it. */
async function suspected({ backend, clock }: Bench, announced = false): Promise<string> {
  const { job } = await deliver(backend, {}, { worker: 'dies', lease: 1_000 })
  if (announced) await backend.announce('dies')
  await clock.advance(1_000)
  await backend.sweep(Infinity)
  return job
}

/** What becomes of jobs whose workers, or whose own threads and processes, die. */
export const suspectCases: Cases = {
  async 'a job whose worker died waits apart from the others'(bench) {
    const { backend, expect } = bench
    const job = await suspected(bench)
    expect(await read(backend, job)).toMatchObject({ state: 'ready', suspect: true, rescues: 1, deaths: 0, attempt: 0 })
    expect(ids(await backend.reserve(request({ room: { thread: 10, loop: 10, blocking: 10, process: 10 } })))).toEqual([])
    const { deliveries } = await backend.reserve(request({ room: { suspect: 1 } }))
    expect(deliveries).toMatchObject([{ job, suspect: true, deaths: 0, place: 'thread', attempt: 1 }])
  },

  async 'a worker that announced its end leaves no suspects'(bench) {
    const { backend, expect } = bench
    const job = await suspected(bench, true)
    expect(await read(backend, job)).toMatchObject({ state: 'ready', suspect: false, rescues: 0, attempt: 0 })
    expect(ids(await backend.reserve(request({ room: { thread: 1 } })))).toEqual([job])
  },

  async 'what is announced ends with the worker: another of its name begins anew'(bench) {
    const { backend, clock, expect } = bench
    await suspected(bench, true)
    await backend.announce('nobody-knows')
    await backend.reserve(request({ room: { thread: 1 }, worker: 'dies', lease: 1_000 }))
    await clock.advance(1_000)
    expect((await backend.sweep(Infinity)).rescued.length).toBe(1)
    expect((await backend.list({ limit: 1 }))[0]).toMatchObject({ suspect: true })
  },

  async 'an attempt that comes to an end of its own clears a suspect'(bench) {
    const { backend, expect } = bench
    const job = await suspected(bench)
    const { deliveries: [delivery] } = await backend.reserve(request())
    await backend.settle([settlement(delivery!, { event: 'retry', delay: 0, error })])
    expect(await read(backend, job)).toMatchObject({ suspect: false, attempt: 1, rescues: 1 })
    expect(ids(await backend.reserve(request({ room: { thread: 1 } })))).toEqual([job])
  },

  async "a suspect's deaths are counted, and charge no attempt"(bench) {
    const { backend, expect } = bench
    const job = await suspected(bench)
    for (let deaths = 0; deaths < 2; deaths++) {
      const { deliveries: [delivery] } = await backend.reserve(request({ room: { suspect: 1 } }))
      expect(delivery).toMatchObject({ deaths, attempt: 1 })
      await backend.settle([settlement(delivery!, { event: 'retry', delay: 0, error, died: true })])
    }
    expect(await read(backend, job)).toMatchObject({ suspect: true, deaths: 2, attempt: 0, token: 3 })
    const { deliveries: [last] } = await backend.reserve(request())
    await backend.settle([settlement(last!, { event: 'bury', error, died: true })])
    expect(await read(backend, job)).toMatchObject({ state: 'dead', deaths: 3 })
    await backend.commit([{ job, event: 'revive' }])
    expect(await read(backend, job)).toMatchObject({ state: 'ready', deaths: 0, rescues: 0, suspect: false })
  },

  async "another job's deaths are counted, and charged"({ backend, expect }) {
    const delivery = await deliver(backend)
    await backend.settle([settlement(delivery, { event: 'retry', delay: 0, error, died: true })])
    expect(await read(backend, delivery.job)).toMatchObject({ suspect: false, deaths: 1, attempt: 1 })
    expect((await backend.reserve(request())).deliveries).toMatchObject([{ suspect: false, deaths: 1, attempt: 2 }])
  },

  async 'a suspect that is handed back stays one'(bench) {
    const { backend, expect } = bench
    const job = await suspected(bench)
    const { deliveries: [delivery] } = await backend.reserve(request())
    await backend.publish([newJob()])
    await backend.settle([settlement(delivery!, { event: 'release' })])
    expect(await read(backend, job)).toMatchObject({ state: 'ready', suspect: true })
    expect(ids(await backend.reserve(request({ room: { suspect: 5 } })))).toEqual([job])
  },

  async 'deferrals in a row are counted; an attempt that runs, or a revival, ends the row'({ backend, clock, expect }) {
    const first = await deliver(backend)
    for (let times = 1; times <= 2; times++) {
      const { token } = await read(backend, first.job)
      await backend.settle([settlement({ job: first.job, token }, { event: 'defer', delay: 1, error })])
      await clock.advance(1)
      expect((await backend.reserve(request())).deliveries).toMatchObject([{ job: first.job, deferrals: times }])
    }
    const { token } = await read(backend, first.job)
    await backend.settle([settlement({ job: first.job, token }, { event: 'retry', delay: 1, error })])
    await clock.advance(1)
    expect((await backend.reserve(request())).deliveries).toMatchObject([{ job: first.job, deferrals: 0 }])
  }
}
