import { expect } from 'vitest'
import type { Backend } from '../../src/backends/backend.ts'
import { redis } from '../../src/backends/redis/redis-backend.ts'
import type { Ending } from '../../src/backends/store.ts'
import type { NewJob } from '../../src/jobs/job.ts'
import { bytes, error, newJob, request, settlement, spent, succeed, watched } from '../../src/testing/backend-conformance/bench.ts'
import { RedisServer } from '../support/redis-server.ts'
import { testWithRedis } from '../support/requirements.ts'

const test = testWithRedis()

/** A backend, and what asks how many scripts have run since it was asked last. */
async function counted(): Promise<{ readonly backend: Awaited<ReturnType<typeof redis>>, readonly server: RedisServer, readonly rounds: () => Promise<number> } & AsyncDisposable> {
  const server = await RedisServer.start()
  const backend = await redis(server.url)
  const rounds = async (): Promise<number> => {
    const calls = /cmdstat_evalsha:calls=(\d+)/.exec(await server.say('INFO commandstats'))?.[1] ?? 0
    await server.say('CONFIG RESETSTAT')
    return Number(calls)
  }
  return {
    backend, server, rounds,
    async [Symbol.asyncDispose]() {
      await backend.close()
      await server[Symbol.asyncDispose]()
    }
  }
}

const plain = (count: number, given: Parameters<typeof newJob>[0] = {}): ReturnType<typeof newJob>[] => Array.from({ length: count }, () => newJob(given))

test('plain jobs take one round trip to be published, and one to be settled with the next that are taken', async () => {
  await using open = await counted()
  const { backend, rounds } = open
  const next = request({ room: { thread: 50 } })
  await backend.publish(plain(1))
  await backend.settle([], next)
  await rounds() // the server knows the scripts now
  await backend.publish(plain(400))
  expect(await rounds()).toBe(1)
  let { deliveries } = await backend.reserve(next)
  expect(deliveries).toHaveLength(50)
  expect(await rounds()).toBe(1)
  for (let round = 0; round < 5; round++) {
    const { stale, reservation } = await backend.settle(deliveries.map(succeed), next)
    expect(stale).toEqual([])
    deliveries = reservation!.deliveries
    expect(deliveries).toHaveLength(50)
  }
  expect(await rounds()).toBe(5)
  expect((await backend.stats()).queues['default']).toMatchObject({ ready: 100, active: 51, succeeded: 250 })
})

test('after one that was unusual the rest are usual again', async () => {
  await using open = await counted()
  const { backend, rounds } = open
  const next = request({ room: { thread: 20 } })
  await backend.publish(plain(200))
  let { deliveries } = await backend.reserve(next)
  const exchange = async (ends: Parameters<typeof backend.settle>[0]): Promise<void> => {
    const { stale, reservation } = await backend.settle(ends, next)
    expect(stale).toEqual([])
    deliveries = reservation!.deliveries
  }
  await exchange([settlement(deliveries[7]!, { event: 'fail', error, spent }), ...deliveries.filter((_, at) => at !== 7).map(succeed)])
  await rounds()
  await exchange([...deliveries.slice(1).map(succeed), settlement(deliveries[0]!, { event: 'fail', error, spent })])
  expect(await rounds()).toBe(1)
  await exchange(deliveries.map(succeed))
  expect(await rounds()).toBe(1)

  // One that may expire is taken by the other script, with others that are settled as usual.
  await backend.publish(plain(1, { priority: 9, expires: 60_000 }))
  await exchange(deliveries.map(succeed))
  await rounds()
  for (let round = 0; round < 3; round++) await exchange(deliveries.map(succeed))
  expect(await rounds()).toBeLessThanOrEqual(5)
  expect((await backend.stats()).queues['default']).toMatchObject({ active: 20, failed: 2, succeeded: 138 })
})

/** Ends all jobs that are ready, each with the result. */
async function endAll(worker: Backend, result: Uint8Array): Promise<void> {
  const { deliveries } = await worker.reserve(request({ room: { thread: 9 } }))
  await worker.settle(deliveries.map((delivery) => settlement(delivery, { event: 'succeed', result, spent })))
}

/** Until it hears of all that ends, or does again. */
async function hearing(backend: Backend): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  using _ = backend.listen(['default'], resolve)
  await promise
}

test('who waits for a job need not ask: neither whether it has ended, where it was just published, nor how, where it ends alone', async () => {
  await using open = await counted()
  const { backend, server, rounds } = open
  const worker = await redis(server.url)
  await backend.publish(plain(1))
  await endAll(worker, bytes('first')) // the server knows the scripts now
  await hearing(backend)
  await rounds()
  const endOf = async (jobs: readonly NewJob[], result: Uint8Array): Promise<readonly Ending[]> => {
    await backend.publish(jobs)
    using watch = watched(backend, jobs.map(({ id }) => id))
    await endAll(worker, result)
    return await watch.all
  }

  const one = plain(1)
  const alone = { job: one[0]!.id, state: 'succeeded', result: bytes('alone\n\nå'), error: undefined, attempt: 1 }
  expect(await endOf(one, alone.result)).toEqual([alone])
  expect(await rounds()).toBe(3) // to publish, to take and to settle it
  expect(await endOf(plain(1), new Uint8Array(3_000).fill(7))).toMatchObject([{ result: new Uint8Array(3_000).fill(7) }])
  expect(await rounds()).toBe(4)
  expect(await endOf(plain(2), bytes('of two'))).toMatchObject([{ result: bytes('of two') }, { result: bytes('of two') }])
  expect(await rounds()).toBe(4)

  // Published again, as by who was not answered, while somebody begins to wait for it.
  const again = backend.publish(one)
  using watch = watched(backend, [one[0]!.id])
  await again
  expect(await watch.all).toEqual([alone])
  await worker.close()
})

test('a job is looked for where its end may not have been heard', async () => {
  await using server = await RedisServer.start()
  await server.say('ACL SETUSER app on nopass ~* &* +@all')
  const [worker, backend] = await Promise.all([redis(server.url), redis(server.url.replace('//', '//app:any@'))])
  await hearing(backend)
  const before = plain(1)
  await backend.publish(before)
  const again = hearing(backend)
  await server.say('CLIENT KILL TYPE pubsub')
  await endAll(worker, bytes('unheard'))
  using first = watched(backend, [before[0]!.id])
  expect(await first.all).toMatchObject([{ result: bytes('unheard') }])

  // From now on it may not hear of ends at all.
  await again
  await server.say('ACL SETUSER app resetchannels &treadle:1:news')
  await expect.poll(() => server.say('PUBSUB NUMSUB treadle:1:ended')).toMatch(/:0\r\n$/)
  const after = plain(1)
  await backend.publish(after)
  await endAll(worker, bytes('not to be heard'))
  using second = watched(backend, [after[0]!.id])
  expect(await second.all).toMatchObject([{ result: bytes('not to be heard') }])
  await Promise.all([worker.close(), backend.close()])
})

test('what ends in another database of the server, under the same id, is not taken for it', async () => {
  await using server = await RedisServer.start()
  const [here, there] = await Promise.all([redis(`${server.url}/0`), redis(`${server.url}/1`)])
  await hearing(here)
  const job = plain(1)
  await Promise.all([here.publish(job), there.publish(job)])
  using watch = watched(here, [job[0]!.id])
  await endAll(there, bytes('there'))
  await endAll(here, bytes('here'))
  expect(await watch.all).toMatchObject([{ result: bytes('here') }])
  await Promise.all([here.close(), there.close()])
})
