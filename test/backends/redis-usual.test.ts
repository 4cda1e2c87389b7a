import { expect } from 'vitest'
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

test('who waits for a job need not ask: neither whether it has ended, where it was just published, nor how, where it ends alone', async () => {
  await using open = await counted()
  const { backend, server, rounds } = open
  const worker = await redis(server.url)
  const end = async (result: Uint8Array, job?: string): Promise<void> => {
    const { deliveries } = await worker.reserve(request({ room: { thread: 2 } }))
    await worker.settle(deliveries.map((delivery) => settlement(delivery, { event: 'succeed', result: delivery.job === job || job === undefined ? result : new Uint8Array(), spent })))
  }
  await backend.publish(plain(1))
  await end(bytes('first')) // the server knows the scripts now
  using all = watched(backend, [])
  using hearing = backend.hear('until all is heard', { heard() {}, missed() {}, failed() {} })
  await hearing.ready
  await rounds()

  const watch = async (jobs: readonly NewJob[], result: Uint8Array): Promise<readonly Ending[]> => {
    using own = watched(backend, jobs.map(({ id }) => id))
    await end(result, jobs[0]!.id)
    return await own.all
  }
  const one = plain(1)
  await backend.publish(one)
  expect(await watch(one, bytes('alone\n\nå'))).toEqual([{ job: one[0]!.id, state: 'succeeded', result: bytes('alone\n\nå'), error: undefined, attempt: 1 }])
  expect(await rounds()).toBe(3) // to publish, to take and to settle it
  const large = plain(1)
  await backend.publish(large)
  expect(await watch(large, new Uint8Array(3_000).fill(7))).toMatchObject([{ result: new Uint8Array(3_000).fill(7) }])
  expect(await rounds()).toBe(4)
  const two = plain(2)
  await backend.publish(two)
  expect(await watch(two, bytes('of two'))).toMatchObject([{ result: bytes('of two') }, { result: new Uint8Array() }])
  expect(await rounds()).toBe(4)

  // One that has ended is looked for, however it comes to be known: published again, or ended while nobody could be told.
  await backend.publish(one)
  using again = watched(backend, [one[0]!.id])
  expect(await again.all).toMatchObject([{ result: bytes('alone\n\nå') }])
  const [unheard, later] = [plain(1), plain(1)]
  await backend.publish(unheard)
  await server.say('CLIENT KILL TYPE pubsub')
  await end(bytes('unheard'))
  await backend.publish(later)
  using both = watched(backend, [unheard[0]!.id, later[0]!.id])
  await end(bytes('later'))
  expect(Array.from(await both.all, ({ result }) => String.fromCharCode(...result!)).sort()).toEqual(['later', 'unheard'])
  expect(all.told).toEqual([])
  await worker.close()
})
