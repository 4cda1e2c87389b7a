import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { connect } from '../../src/client/connect.ts'
import * as tasks from '../fixtures/chaos/tasks.ts'
import { readJournal } from '../support/journal.ts'
import { WorkerProcess } from '../support/processes.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

const tasksFile = fileURLToPath(new URL('../fixtures/chaos/tasks.ts', import.meta.url))
const hour = 3_600_000

test.each([['ahead', hour], ['behind', -hour]])('a worker whose clock is an hour %s takes no job from others, keeps its own, and starts delayed ones in time', { timeout: 60_000 }, async (_name, off) => {
  using folder = temporaryFolder()
  const broker = `sqlite:${join(folder.path, 'jobs.db')}`
  const journal = join(folder.path, 'journal')
  await using right = new WorkerProcess(broker, tasksFile, '--lease', '1s', '--queues', 'right')
  await using wrong = WorkerProcess.withClockOff(off, broker, tasksFile, '--lease', '1s', '--queues', 'wrong')
  await Promise.all([right.ready(), wrong.ready()])
  // Their ids begin with the time, as each of them sees it.
  const [ofRight, ofWrong] = [right, wrong].map((worker) => timeOf(String(worker.logged().find(({ msg }) => msg === 'worker ready')!['worker'])))
  expect(Math.abs(ofWrong! - ofRight!)).toBeGreaterThan(hour / 2)
  await using queue = await connect(broker, { tasks })

  // Each holds a job for three leases, while both look for jobs of dead workers.
  const jobs = await Promise.all(['right', 'wrong'].map((name) => queue.enqueue(tasks.journaled.with({ queue: name }), journal, 3_000)))
  const { workers } = await queue.stats()
  expect(workers).toHaveLength(2)
  for (const { leaseLeft } of workers) expect(leaseLeft).toBeLessThanOrEqual(1_000)
  for (const job of jobs) {
    expect(await job.result()).toBe(1)
    expect(await job.read()).toMatchObject({ token: 1, rescues: 0, attempt: 1 })
  }

  // Neither at once nor an hour later.
  const delayed = await queue.enqueue(tasks.journaled.with({ queue: 'wrong', delay: 700 }), journal, 1)
  expect(await delayed.result({ timeout: '20s' })).toBe(1)
  const { createdAt, startedAt } = await delayed.read()
  expect(startedAt! - createdAt).toBeGreaterThanOrEqual(700)
  expect(readJournal(journal).size).toBe(3)

  // One that dies with its clock off is noticed in time too.
  const last = await queue.enqueue(tasks.journaled.with({ queue: 'wrong' }), journal, 600_000)
  while ((await last.state()) !== 'active') await queue.stats()
  await wrong.kill()
  await using _heir = new WorkerProcess(broker, tasksFile, '--lease', '1s', '--queues', 'wrong')
  while ((await last.read()).token === 1) await queue.stats()
})

function timeOf(id: string): number {
  return Array.from(id.slice(0, 10)).reduce((time, digit) => time * 32 + '0123456789ABCDEFGHJKMNPQRSTVWXYZ'.indexOf(digit), 0)
}
