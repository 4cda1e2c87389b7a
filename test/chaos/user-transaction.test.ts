import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { DatabaseSync } from 'node:sqlite'
import { expect, test } from 'vitest'
import { connect } from '../../src/client/connect.ts'
import { systemClock } from '../../src/kernel/clock.ts'
import * as tasks from '../fixtures/chaos/tasks.ts'
import { readJournal } from '../support/journal.ts'
import { WorkerProcess } from '../support/processes.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

const tasksFile = fileURLToPath(new URL('../fixtures/chaos/tasks.ts', import.meta.url))

test("a program's own write transaction, open for three leases, costs no lease: what runs ends as it would, what is asked meanwhile is done after", { timeout: 60_000 }, async () => {
  using folder = temporaryFolder()
  const file = join(folder.path, 'jobs.db')
  const journal = join(folder.path, 'journal')
  await using one = new WorkerProcess(`sqlite:${file}`, tasksFile, '--lease', '1s')
  await using other = new WorkerProcess(`sqlite:${file}`, tasksFile, '--lease', '1s')
  await Promise.all([one.ready(), other.ready()])
  await using queue = await connect(`sqlite:${file}`, { tasks })
  const running = await queue.enqueueMany(tasks.journaled, Array.from({ length: 6 }, (_, at) => [journal, 500 + at * 900] as [string, number]))
  while (readJournal(journal).size < running.length) await systemClock.sleep(5)

  const own = new DatabaseSync(file)
  own.exec('CREATE TABLE mine (n INTEGER)')
  own.exec('BEGIN IMMEDIATE; INSERT INTO mine VALUES (1)')
  const meanwhile = queue.enqueue(tasks.journaled, journal, 1)
  await systemClock.sleep(3_000)
  own.exec('COMMIT')
  own.close()

  expect(await (await meanwhile).result()).toBe(1)
  for (const job of running) {
    expect(await job.result()).toBe(1)
    expect(await job.read()).toMatchObject({ token: 1, rescues: 0, suspect: false })
  }
})

test('a read transaction of its own delays nothing at all', { timeout: 60_000 }, async () => {
  using folder = temporaryFolder()
  const file = join(folder.path, 'jobs.db')
  const journal = join(folder.path, 'journal')
  await using worker = new WorkerProcess(`sqlite:${file}`, tasksFile, '--lease', '1s')
  await worker.ready()
  await using queue = await connect(`sqlite:${file}`, { tasks })
  const own = new DatabaseSync(file)
  own.exec('BEGIN')
  own.prepare('SELECT count(*) FROM treadle_jobs').get()
  for (let times = 0; times < 20; times++) expect(await (await queue.enqueue(tasks.journaled, journal, 1)).result({ timeout: '20s' })).toBe(1)
  // It still sees the file as it was.
  expect(own.prepare('SELECT count(*) AS jobs FROM treadle_jobs').get()).toEqual({ jobs: 0 })
  own.exec('COMMIT')
  own.close()
})
