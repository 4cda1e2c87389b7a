import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { connect } from '../../src/client/connect.ts'
import { systemClock } from '../../src/kernel/clock.ts'
import { journaled } from '../fixtures/chaos/tasks.ts'
import { WorkerProcess } from '../support/processes.ts'
import { RedisServer } from '../support/redis-server.ts'
import { testWithRedis } from '../support/requirements.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

const tasksFile = fileURLToPath(new URL('../fixtures/chaos/tasks.ts', import.meta.url))
const interval = 250

/** Three workers, one of them an hour ahead, are killed one after another and started again; for a while none runs. Each slot has one job. */
async function killedWorkers(broker: string, folder: string): Promise<void> {
  const journal = join(folder, 'journal')
  await using queue = await connect(broker)
  const start = (): WorkerProcess => new WorkerProcess(broker, tasksFile, '--lease', '1s')
  const startAhead = (): WorkerProcess => WorkerProcess.withClockOff(3_600_000, broker, tasksFile, '--lease', '1s')
  const workers = [start(), startAhead(), start()]
  try {
    await Promise.all(workers.map((worker) => worker.ready()))
    const { nextSlot } = await queue.schedule('often', { every: interval, missed: { all: 1_000 } }, journaled, journal, 1)
    for (let kill = 0; kill < 4; kill++) {
      await systemClock.sleep(400)
      await workers[kill % 3]!.kill()
      workers[kill % 3] = kill % 3 === 1 ? startAhead() : start()
    }
    for (const worker of workers) await worker.kill()
    await systemClock.sleep(1_000)
    workers[0] = await start().ready()
    await systemClock.sleep(1_000)
    await queue.pauseSchedule('often')

    const [schedule] = await queue.schedules()
    const jobs = await queue.list({ tag: 'schedule:often', limit: 1_000 })
    const slots = jobs.map(({ tags }) => Date.parse(tags.find((tag) => tag.startsWith('slot:'))!.slice('slot:'.length)))
    expect(slots.length).toBeGreaterThan(10)
    expect(slots.toSorted((a, b) => a - b)).toEqual(Array.from(slots, (_, at) => nextSlot! + at * interval))
    expect(Math.max(...slots)).toBe(schedule!.lastSlot)
    // None before its time, by the one clock that all share: the backend's.
    for (const [at, { createdAt }] of jobs.entries()) expect(createdAt).toBeGreaterThanOrEqual(slots[at]!)
    for (const { id } of jobs) await queue.job(id).result({ timeout: '20s' })
  } finally {
    for (const worker of workers) await worker.kill()
  }
}

test('SQLite: workers are killed, and one has its clock off: each slot has one job', { timeout: 60_000 }, async () => {
  using folder = temporaryFolder()
  await killedWorkers(`sqlite:${join(folder.path, 'jobs.db')}`, folder.path)
})

testWithRedis()('Redis: workers are killed, and one has its clock off: each slot has one job', { timeout: 60_000 }, async () => {
  using folder = temporaryFolder()
  await using server = await RedisServer.start()
  await killedWorkers(server.url, folder.path)
})
