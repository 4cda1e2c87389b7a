import { fileURLToPath } from 'node:url'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { connect } from '../../src/client/connect.ts'
import { systemClock } from '../../src/kernel/clock.ts'
import * as tasks from '../fixtures/chaos/tasks.ts'
import { readJournal } from '../support/journal.ts'
import { WorkerProcess } from '../support/processes.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

const tasksFile = fileURLToPath(new URL('../fixtures/chaos/tasks.ts', import.meta.url))
const lease = 1_000

test('a loop that is blocked for three leases costs no lease: one delivery, though another worker waits', { timeout: 60_000 }, async () => {
  using folder = temporaryFolder()
  const broker = `sqlite:${join(folder.path, 'jobs.db')}`
  const journal = join(folder.path, 'journal')
  await using first = new WorkerProcess(broker, tasksFile, '--lease', `${lease}ms`)
  await using second = new WorkerProcess(broker, tasksFile, '--lease', `${lease}ms`)
  await Promise.all([first.ready(), second.ready()])
  await using queue = await connect(broker, { tasks })
  const job = await queue.enqueue(tasks.blockLoop, journal, 3 * lease)
  expect(await job.result()).toBe(1)
  const { token, rescues, attempt } = await job.read()
  expect({ token, rescues, attempt }).toEqual({ token: 1, rescues: 0, attempt: 1 })
  expect(readJournal(journal).get(job.id)).toEqual({ started: [1], finished: [1] })
})

test('a worker that was stopped for three leases comes back to a refusal: two deliveries, one accepted', { timeout: 60_000 }, async () => {
  using folder = temporaryFolder()
  const broker = `sqlite:${join(folder.path, 'jobs.db')}`
  const journal = join(folder.path, 'journal')
  await using stopped = await new WorkerProcess(broker, tasksFile, '--lease', `${lease}ms`).ready()
  await using queue = await connect(broker, { tasks })
  const job = await queue.enqueue(tasks.journaled, journal, 500)
  while (!readJournal(journal).has(job.id)) await systemClock.sleep(5)
  stopped.signal('SIGSTOP')
  await using other = await new WorkerProcess(broker, tasksFile, '--lease', `${lease}ms`).ready()
  await systemClock.sleep(3 * lease)
  stopped.signal('SIGCONT')

  expect(await job.result()).toBe(2)
  await stopped.line((line) => line.includes('STALE_ATTEMPT'))
  const { token, rescues, attempt, state } = await job.read()
  expect({ token, rescues, attempt, state }).toEqual({ token: 2, rescues: 1, attempt: 1, state: 'succeeded' })
  expect(readJournal(journal).get(job.id)!.started).toEqual([1, 2])
  expect(other.logged().some(({ msg }) => String(msg).includes('job rescued'))).toBe(true)
})
