import { expect } from 'vitest'
import { redis } from '../../src/backends/redis/redis-backend.ts'
import { VirtualClock } from '../../src/kernel/virtual-clock.ts'
import { newJob, request, succeed } from '../../src/testing/backend-conformance/bench.ts'
import { RedisServer } from '../support/redis-server.ts'
import { testWith } from '../support/requirements.ts'

testWith(['redis-server', '--version'], 'apt-get install redis-server')('of keys whose jobs are gone nothing is kept', async () => {
  await using server = await RedisServer.start()
  const clock = new VirtualClock()
  const backend = await redis(server.url, { clock })
  try {
    const kept = async (): Promise<string> => server.say('ZCARD treadle:1:{default}:turns')
    await backend.gate([{ queue: 'default', key: '*', rule: { rate: { limit: 1, per: 1_000 } } }])
    await backend.publish(Array.from({ length: 200 }, (_, n) => newJob({ key: `tenant-${n}`, ordered: true })))
    expect(await kept()).toBe(':200\r\n')
    await backend.settle((await backend.reserve(request({ room: { thread: 200 } }))).deliveries.map(succeed))
    expect(await server.say('HLEN treadle:1:{default}:gates')).toBe(':201\r\n')
    await clock.advance(1_000)
    // A key is forgotten where nothing is ready, or once the turns have come to where its jobs have taken it.
    await backend.publish([newJob({ key: 'tenant-0' })])
    await backend.settle((await backend.reserve(request({ room: { thread: 200 } }))).deliveries.map(succeed))
    await clock.advance(1_000)
    await backend.sweep(Infinity)
    expect(await server.say('HLEN treadle:1:{default}:gates')).toBe(':1\r\n')
    expect(await kept()).toBe(':0\r\n')
    await backend.purge({ states: ['succeeded'], olderThan: 0, limit: 500 })
    for (const name of ['active', 'holders', 'waiting', 'parkedAt', 'opening', 'fading', 'jobs', 'moved']) expect([name, await server.say(`EXISTS treadle:1:{default}:${name}`)]).toEqual([name, ':0\r\n'])
  } finally {
    await backend.close()
  }
})
