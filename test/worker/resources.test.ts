import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { memory } from '../../src/backends/memory/memory-backend.ts'
import { connect } from '../../src/client/connect.ts'
import { systemClock } from '../../src/kernel/clock.ts'
import * as tasks from '../../src/testing/executor-conformance/resource-tasks.ts'
import { startWorker } from '../../src/worker/start-worker.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

test('a worker that drains closes what its tasks opened, in threads, loop and processes', async () => {
  using folder = temporaryFolder()
  const journal = join(folder.path, 'journal')
  writeFileSync(journal, '')
  process.env[tasks.journalVariable] = journal
  const backend = memory({ clock: systemClock })
  await using queue = await connect(backend, { tasks })
  const worker = await startWorker(backend, { tasks, threads: 1 })
  for (const task of [tasks.usePool, tasks.usePool, tasks.usePoolInProcess]) await (await queue.enqueue(task)).result()
  await (await queue.enqueue(tasks.usePoolSoon)).result()
  expect(readFileSync(journal, 'utf8')).toBe('ooo')
  await worker.close()
  expect(readFileSync(journal, 'utf8')).toBe('oooccc')
})

test('a job whose resource cannot be opened is tried again as its rules say', async () => {
  using folder = temporaryFolder()
  const journal = join(folder.path, 'journal')
  writeFileSync(journal, '')
  process.env[tasks.journalVariable] = journal
  const backend = memory({ clock: systemClock })
  await using queue = await connect(backend, { tasks })
  await using _worker = await startWorker(backend, { tasks, threads: 1 })
  const job = await queue.enqueue(tasks.useLate.with({ retry: { limit: 1, initial: 1 } }))
  await expect(job.result()).rejects.toMatchObject({ code: 'RESOURCE_FAILED' })
  expect(await job.read()).toMatchObject({ attempt: 2 })
  expect(readFileSync(journal, 'utf8')).toBe('oo')
})
