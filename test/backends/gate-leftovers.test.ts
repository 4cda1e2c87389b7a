import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expect, test } from 'vitest'
import type { Backend } from '../../src/backends/backend.ts'
import { redis } from '../../src/backends/redis/redis-backend.ts'
import { sqlite } from '../../src/backends/sqlite/sqlite-backend.ts'
import { VirtualClock } from '../../src/kernel/virtual-clock.ts'
import { newJob, request, succeed } from '../../src/testing/backend-conformance/bench.ts'
import { RedisServer } from '../support/redis-server.ts'
import { testWithRedis } from '../support/requirements.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

/** A hundred keys under a rate, each with two jobs that run and are removed, and a gate that is opened again; then time passes. */
async function comeAndGo(backend: Backend, clock: VirtualClock): Promise<void> {
  await backend.gate([{ queue: 'default', key: '*', rule: { rate: { limit: 1, per: 1_000 } } }])
  const room = { thread: 1_000 }
  await backend.publish(Array.from({ length: 200 }, (_, at) => newJob({ key: `k${at % 100}`, ordered: true })))
  for (let left = 200; left > 0;) {
    const { deliveries } = await backend.reserve(request({ room }))
    await backend.settle(deliveries.map(succeed))
    left -= deliveries.length
    await clock.advance(1_000)
  }
  await backend.publish([newJob()])
  await backend.settle((await backend.reserve(request({ room }))).deliveries.map(succeed))
  await backend.purge({ states: ['succeeded'], olderThan: 0, limit: 1_000 })
  // Of a queue that never had a job.
  const unused = { queue: 'unused', task: 'task' }
  await backend.gate([{ ...unused, rule: { concurrency: 1 } }])
  await backend.gate([{ ...unused, rule: null }])
  await clock.advance(1_000)
  await backend.sweep(Infinity)
}

test('of keys that have come and gone nothing stays in a file', async () => {
  using folder = temporaryFolder()
  const path = join(folder.path, 'jobs.db')
  const clock = new VirtualClock()
  const backend = await sqlite(path, { clock })
  await comeAndGo(backend, clock)
  await backend.close()
  using db = new DatabaseSync(path)
  const rows = ['gates', 'turns', 'gate_active', 'holders', 'ordered', 'keyed', 'parked', 'opening'].map((name) => [name, db.prepare(`SELECT count(*) AS rows FROM treadle_${name}`).get()!['rows']])
  expect(Object.fromEntries(rows)).toEqual({ gates: 1, turns: 0, gate_active: 0, holders: 0, ordered: 0, keyed: 0, parked: 0, opening: 0 })
})

testWithRedis()('of keys that have come and gone nothing stays on a server', async () => {
  await using server = await RedisServer.start()
  const clock = new VirtualClock()
  const backend = await redis(server.url, { clock })
  await comeAndGo(backend, clock)
  await backend.close()
  const size = async (command: string, name: string): Promise<number> => Number((await server.say(`${command} treadle:1:{default}:${name}`)).slice(1))
  expect([await size('HLEN', 'gates'), await size('ZCARD', 'turns')]).toEqual([1, 0])
  expect(await server.say('EXISTS treadle:1:{unused}:gates')).toBe(':0\r\n')
  for (const name of ['active', 'holders', 'parkedAt', 'waiting', 'opening', 'fading', 'jobs', 'moved']) expect([name, await size('EXISTS', name)]).toEqual([name, 0])
})
