import { expect } from 'vitest'
import type { Backend } from '../../src/backends/backend.ts'
import { connect } from '../../src/client/connect.ts'
import { VirtualClock } from '../../src/kernel/virtual-clock.ts'
import { silentLogger } from '../../src/kernel/logger.ts'
import type { Job } from '../../src/jobs/job.ts'
import { bytes, deliver, error, newJob, request, settlement, spent, succeed } from '../../src/testing/backend-conformance/bench.ts'
import { directoryPayloads } from '../../src/backends/payloads/directory-payloads.ts'
import { JobPruner } from '../../src/worker/maintenance/job-pruner.ts'
import { startWorker } from '../../src/worker/start-worker.ts'
import * as tasks from '../fixtures/queue/tasks.ts'
import { onEachBackend } from '../support/each-backend.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

onEachBackend('jobs that have ended', (test) => {
  test('are removed by their age and by their number, with their payloads, and no others', async (open) => {
    using folder = temporaryFolder()
    const payloads = await directoryPayloads(folder.path)
    const backend = await open()
    const [done, failed, more, running] = [await deliver(backend), await deliver(backend), await deliver(backend), await deliver(backend)]
    await payloads.put(`${done.job}.args`, bytes('large'))
    await backend.settle([succeed(done), settlement(failed, { event: 'fail', error }), succeed(more)])
    const clock = new VirtualClock()
    const look = async (ages: object, count: number, left: readonly (string | undefined)[]): Promise<void> => {
      const stop = new AbortController()
      const run = new JobPruner(backend, payloads, { ages, count, bytes: Infinity }, clock, silentLogger).run(stop.signal)
      await clock.advance(80_000)
      await expect.poll(async () => (await backend.read([done, failed, more, running].map(({ job }) => job))).map((job) => job?.state)).toEqual(left)
      stop.abort()
      await run
    }
    await look({ succeeded: 3_600_000, failed: 0 }, Infinity, ['succeeded', undefined, 'succeeded', 'active'])
    await look({}, 1, [undefined, undefined, 'succeeded', 'active'])
    await look({ succeeded: 0 }, 1, [undefined, undefined, undefined, 'active'])
    expect(await payloads.get(`${done.job}.args`)).toBe(undefined)
  })

  test('are as many as are kept, also where others remove some at the same time', async (open) => {
    const backend = await open()
    const jobs = Array.from({ length: 1_300 }, () => newJob())
    await backend.publish(jobs)
    await backend.settle((await backend.reserve(request({ room: { thread: 1_300 } }))).deliveries.map(succeed))
    const clock = new VirtualClock()
    const stop = new AbortController()
    let goes = 0
    const beside: Pick<Backend, 'purge' | 'stats' | 'weigh'> = {
      stats: () => backend.stats(),
      weigh: (from) => backend.weigh(from),
      async purge(filter) {
        // Another worker is done with all that is too much but for this go.
        if (goes++ === 0) await backend.purge({ states: ['succeeded'], olderThan: 0, limit: 500 })
        return backend.purge(filter)
      }
    }
    const run = new JobPruner(beside, undefined, { ages: {}, count: 200, bytes: Infinity }, clock, silentLogger).run(stop.signal)
    await clock.advance(80_000)
    await expect.poll(async () => (await backend.stats()).queues['default']!.succeeded).toBe(200)
    stop.abort()
    await run
    expect((await backend.stats()).queues['default']!.succeeded).toBe(200)
  })

  test('hold no more bytes than are kept: what ended first goes first, whoever came first, and by however many', async (open) => {
    const backend = await open()
    const held = 'payload'.length + 1_000
    const jobs = [await deliver(backend), await deliver(backend), await deliver(backend), await deliver(backend)]
    const running = await deliver(backend)
    // The first to come is the last to end. Each is a tick of the coarsest clock older.
    for (const job of [jobs[1]!, jobs[2]!, jobs[3]!, jobs[0]!]) {
      await backend.settle([settlement(job, { event: 'succeed', result: new Uint8Array(1_000), spent })])
      const [{ finishedAt }] = await backend.read([job.job]) as [Job]
      await expect.poll(async () => (await backend.weigh()).now).toBeGreaterThan(finishedAt! + 5)
    }
    // What has not yet ended that long ago when they are weighed may have when the removal comes.
    const slow: Pick<Backend, 'purge' | 'stats' | 'weigh'> = {
      stats: () => backend.stats(),
      weigh: (from) => backend.weigh(from),
      async purge(filter) {
        const { now } = await backend.weigh()
        await expect.poll(async () => (await backend.weigh()).now).toBeGreaterThan(now + 30)
        return backend.purge(filter)
      }
    }
    const clock = new VirtualClock()
    const look = async (bytes: number, left: readonly string[]): Promise<void> => {
      const stop = new AbortController()
      // Two at the same time remove no more than one.
      const runs = [1, 2].map(() => new JobPruner(slow, undefined, { ages: {}, count: Infinity, bytes }, clock, silentLogger).run(stop.signal))
      await clock.advance(80_000)
      await expect.poll(async () => (await backend.list({ limit: 10 })).map(({ id }) => id)).toEqual(left)
      stop.abort()
      await Promise.all(runs)
      expect((await backend.list({ limit: 10 })).map(({ id }) => id)).toEqual(left)
    }
    await look(4 * held, [...jobs.map(({ job }) => job), running.job])
    await look(3 * held, [jobs[0]!, jobs[2]!, jobs[3]!, running].map(({ job }) => job))
    await look(2 * held - 1, [jobs[0]!, running].map(({ job }) => job))
    await look(1, [running.job])
  })

  test('are weighed by one of the workers that are to keep no more bytes, at random', async (open) => {
    const backend = await open()
    for (const id of ['a', 'b', 'c', 'd']) await backend.extend(id, [], 60_000, { capacity: 1, queues: [], weighs: true })
    await backend.extend('other', [], 60_000, { capacity: 1, queues: [] })
    for (const [random, looks] of [[0.2, 1], [0.3, 0]] as const) {
      const clock = new VirtualClock()
      const stop = new AbortController()
      const looked = Promise.withResolvers<void>()
      let weighed = 0
      const counting: Pick<Backend, 'purge' | 'stats' | 'weigh'> = {
        purge: (filter) => backend.purge(filter),
        stats: () => backend.stats().finally(looked.resolve),
        async weigh(from) {
          weighed++
          return backend.weigh(from)
        }
      }
      const run = new JobPruner(counting, undefined, { ages: {}, count: Infinity, bytes: 1_000 }, clock, silentLogger, () => random).run(stop.signal)
      await clock.advance(80_000)
      await looked.promise
      stop.abort()
      await run
      expect(weighed).toBe(looks)
    }
  })

  test('a worker that is to keep no more bytes says so, and no other does', async (open) => {
    const backend = await open()
    await using _ = await startWorker(backend, { tasks, threads: 1, keep: { bytes: '1gb' } })
    await using __ = await startWorker(backend, { tasks, threads: 1, keep: { succeeded: '1h' } })
    await expect.poll(async () => (await backend.stats()).workers.filter(({ capacity }) => capacity > 0)).toHaveLength(2)
    expect((await backend.stats()).workers.filter(({ weighs }) => weighs)).toHaveLength(1)
  })

  test('a worker that is to keep none long removes them', async (open) => {
    const backend = await open()
    await using queue = await connect(backend, { tasks })
    const clock = new VirtualClock()
    const worker = await startWorker(backend, { tasks, threads: 1, clock, keep: { succeeded: 0 } })
    const job = await queue.enqueue(tasks.add, 1, 2)
    expect(await job.result()).toBe(3)
    await clock.advance(80_000)
    while (await job.state().then(() => true, () => false)) await clock.advance(80_000)
    await clock.runUntil(worker.close())
    for (const keep of [{ succeeded: -1 }, { count: 0.5 }, { forever: true }, { bytes: 0 }, { bytes: '2 gigs' as '2gb' }]) await expect(startWorker(backend, { tasks, keep })).rejects.toMatchObject({ code: 'INVALID_OPTION' })
  })
})
