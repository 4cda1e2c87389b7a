import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { connect } from '../../src/client/connect.ts'
import { systemClock } from '../../src/kernel/clock.ts'
import { expect } from 'vitest'
import { journaled } from '../fixtures/chaos/tasks.ts'
import { expectOneCompletionEach } from '../support/journal.ts'
import { WorkerProcess } from '../support/processes.ts'
import { RedisServer } from '../support/redis-server.ts'
import { testWithRedis } from '../support/requirements.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

const tasks = fileURLToPath(new URL('../fixtures/chaos/tasks.ts', import.meta.url))

/** By hand also 100,000: `CHAOS_JOBS=100000 npx vitest run test/chaos/redis.test.ts`. */
const count = Number(process.env['CHAOS_JOBS'] ?? 20_000)

testWithRedis()('three workers, one killed every two seconds, the server killed twice: each job has one accepted completion', { timeout: 600_000 }, async () => {
  using folder = temporaryFolder()
  const journal = join(folder.path, 'journal')
  await using server = await RedisServer.start('--appendonly', 'yes')
  await using queue = await connect(server.url)
  const ids: string[] = []
  for (let left = count; left > 0; left -= 1_000) {
    for (const { id } of await queue.enqueueMany(journaled, Array.from({ length: Math.min(left, 1_000) }, () => [journal, 10] as [string, number]))) ids.push(id)
  }
  const startWorker = (): WorkerProcess => new WorkerProcess(server.url, tasks, '--loop-concurrency', '16', '--lease', '2s')
  const workers = [startWorker(), startWorker(), startWorker()]
  let kills = 0
  let restarts = 0
  try {
    for (let { queues } = await queue.stats(); queues['default']!.succeeded < count; { queues } = await queue.stats()) {
      const at = kills % workers.length
      await workers[at]!.ready()
      await systemClock.sleep(2_000)
      await workers[at]!.kill()
      workers[at] = startWorker()
      if (++kills % 2 === 1 && restarts < 2) {
        restarts++
        await server.kill()
        await server.start()
      }
    }
  } finally {
    for (const worker of workers) await worker.kill()
  }
  const jobs = await expectOneCompletionEach(queue, journal, ids)
  console.log(`${kills} workers and ${restarts} servers killed; ${jobs.filter(({ token }) => token > 1).length} of ${count} jobs delivered again; none lost, none accepted twice`)
  expect(restarts).toBe(2)
})
