import { expect } from 'vitest'
import { redis } from '../../src/backends/redis/redis-backend.ts'
import { error, newJob, request, settlement, spent, succeed } from '../../src/testing/backend-conformance/bench.ts'
import { RedisServer } from '../support/redis-server.ts'
import { testWithRedis } from '../support/requirements.ts'

const test = testWithRedis()

/** A backend, and what asks how many scripts have run since it was asked last. */
async function counted(): Promise<{ readonly backend: Awaited<ReturnType<typeof redis>>, readonly rounds: () => Promise<number> } & AsyncDisposable> {
  const server = await RedisServer.start()
  const backend = await redis(server.url)
  const rounds = async (): Promise<number> => {
    const calls = /cmdstat_evalsha:calls=(\d+)/.exec(await server.say('INFO commandstats'))?.[1] ?? 0
    await server.say('CONFIG RESETSTAT')
    return Number(calls)
  }
  return {
    backend, rounds,
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
