import { expect } from 'vitest'
import { connect } from '../../src/client/connect.ts'
import { startWorker } from '../../src/worker/start-worker.ts'
import * as tasks from '../fixtures/queue/tasks.ts'
import { RedisServer } from '../support/redis-server.ts'
import { testWithRedis } from '../support/requirements.ts'

const test = testWithRedis()

test('a worker is unready while its server is away, and goes on by itself when that is back', { timeout: 60_000 }, async () => {
  await using server = await RedisServer.start('--appendonly', 'yes', '--appendfsync', 'always')
  await using queue = await connect(server.url, { tasks })
  await using worker = await startWorker(server.url, { tasks, threads: 1, lease: '1s' })
  expect(await (await queue.enqueue(tasks.add, 1, 2)).result()).toBe(3)
  expect(worker.health()).toMatchObject({ ready: true })
  const running = await queue.enqueue(tasks.sleep, 300)
  while (await running.state() !== 'active') { /* until a worker has it */ }
  await server.kill()
  await expect.poll(() => worker.health(), { timeout: 5_000 }).toMatchObject({ ready: false })
  await server.start()
  await expect.poll(() => worker.health(), { timeout: 20_000 }).toMatchObject({ ready: true })
  expect(await running.result()).toBe(300)
  expect(await (await queue.enqueue(tasks.add, 3, 4)).result()).toBe(7)
})
