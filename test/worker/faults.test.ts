import { DatabaseSync } from 'node:sqlite'
import { join } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { memory } from '../../src/backends/memory/memory-backend.ts'
import { sqlite } from '../../src/backends/sqlite/sqlite-backend.ts'
import { connect } from '../../src/client/connect.ts'
import { systemClock } from '../../src/kernel/clock.ts'
import { milliseconds } from '../../src/kernel/duration.ts'
import { type LogFields, lineLogger } from '../../src/kernel/logger.ts'
import { VirtualClock } from '../../src/kernel/virtual-clock.ts'
import { startWorker } from '../../src/worker/start-worker.ts'
import * as tasks from '../fixtures/queue/tasks.ts'
import { overlaid } from '../support/overlaid.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

test.each([0, 10_000])("a worker closes by its deadline of %i ms though another process holds the lock of its file, and its jobs run later", async (deadline) => {
  using folder = temporaryFolder()
  const path = join(folder.path, 'jobs.db')
  const clock = new VirtualClock()
  const log: LogFields[] = []
  const backend = await sqlite(path, { clock, busyTimeout: '30d' })
  await using queue = await connect(backend, { tasks })
  const worker = await startWorker(backend, { tasks, threads: 1, clock, log: lineLogger('warn', (line) => log.push(line)) })
  const job = await queue.enqueue(tasks.waitForAbort)
  while (worker.active === 0) await nextTurn()

  const other = new DatabaseSync(path)
  other.exec('BEGIN IMMEDIATE')
  const began = clock.elapsed()
  await clock.runUntil(worker.close({ deadline }))
  // It did not wait for the lock. How much longer it took this clock cannot tell: it runs on while the real thread ends.
  expect(clock.elapsed() - began).toBeLessThan(milliseconds('1d'))
  expect(clock.elapsed() - began).toBeGreaterThanOrEqual(deadline)
  expect(log.some(({ msg }) => String(msg).includes('did not answer in time'))).toBe(true)
  other.exec('COMMIT')
  other.close()

  const next = await startWorker(backend, { tasks, threads: 1, clock })
  while ((await clock.runUntil(job.read())).token < 2) await clock.advance(100)
  expect(await job.read()).toMatchObject({ state: 'active', attempt: 1 })
  await clock.runUntil(next.close({ deadline: 0 }))
  await clock.runUntil(backend.close())
})

test('a result that is too large fails its job with its size, and holds up no other', async () => {
  const backend = memory({ clock: systemClock })
  await using queue = await connect(backend, { tasks })
  await using _worker = await startWorker(backend, { tasks, threads: 1 })
  const [large, before, after] = [await queue.enqueue(tasks.bytes, 2 ** 26), await queue.enqueue(tasks.add, 1, 1), await queue.enqueue(tasks.bytes, 2 ** 20)]
  await expect(large.result()).rejects.toMatchObject({ code: 'PAYLOAD_TOO_LARGE', message: expect.stringMatching(/result of 'bytes' takes 671088\d\d bytes; the limit is 67108864/) as string })
  expect(await large.read()).toMatchObject({ state: 'failed', attempt: 1 })
  expect(await before.result()).toBe(2)
  expect(await after.result()).toHaveLength(2 ** 20)
})

test('what an attempt said last is kept, also where the broker was still hearing it when the attempt ended', async () => {
  const backend = memory({ clock: systemClock })
  const [heard, goOn] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  const slow = overlaid(backend, {
    async report(reports) {
      heard.resolve()
      await goOn.promise
      await backend.report(reports)
    }
  })
  await using queue = await connect(backend, { tasks })
  await using worker = await startWorker(slow, { tasks, threads: 1 })
  const job = await queue.enqueue(tasks.steps, 3, true)
  await heard.promise
  await job.cancel()
  while (worker.active > 0) await nextTurn()
  for (let turn = 0; turn < 20; turn++) await nextTurn()
  goOn.resolve()
  await expect(job.result()).rejects.toMatchObject({ code: 'CANCELLED' })
  expect((await job.read()).progress).toMatchObject({ done: 3 })
  expect((await job.story()).logs).toHaveLength(3)
})
