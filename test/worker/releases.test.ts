import { once } from 'node:events'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Backend } from '../../src/backends/backend.ts'
import { memory } from '../../src/backends/memory/memory-backend.ts'
import { connect } from '../../src/client/connect.ts'
import { systemClock } from '../../src/kernel/clock.ts'
import { type LogFields, lineLogger } from '../../src/kernel/logger.ts'
import { VirtualClock } from '../../src/kernel/virtual-clock.ts'
import { task } from '../../src/tasks/task.ts'
import { startWorker } from '../../src/worker/start-worker.ts'
import type { Worker } from '../../src/worker/worker.ts'
import * as tasks from '../fixtures/queue/releases.ts'

describe('releases that meet in one queue', () => {
  let backend: Backend
  let worker: Worker
  let lines: EventTarget

  beforeEach(async () => {
    backend = memory({ clock: systemClock })
    lines = new EventTarget()
    const log = lineLogger('error', (line: LogFields) => lines.dispatchEvent(new Event(String(line['code']))))
    worker = await startWorker(backend, { tasks, log })
  })

  afterEach(() => worker.close({ deadline: 0 }))

  test('a job that bears a former name of a task runs it', async () => {
    await using queue = await connect(backend)
    const jobs = await Promise.all(['send', 'post', 'ship'].map((name) => queue.enqueueByName(name, [7])))
    for (const job of jobs) expect(await job.result()).toEqual({ name: 'ship', version: 1, args: [7] })
    expect(worker.tasks).toEqual(['ship'])
  })

  test('where the task is known, a call by a former name is kept under its name', async () => {
    await using queue = await connect(backend, { tasks })
    const job = await queue.enqueueByName('post', [7])
    expect(await job.result()).toEqual({ name: 'ship', version: 2, args: [7] })
    expect(await job.read()).toMatchObject({ task: 'ship' })
  })

  test('a newer task runs older jobs, and sees of which version they are', async () => {
    const older = task({ name: 'ship' }, async (_order: number): Promise<unknown> => undefined)
    await using queue = await connect(backend, { tasks: [older] })
    expect(await (await queue.enqueue(older, 7)).result()).toEqual({ name: 'ship', version: 1, args: [7] })
  })

  test('an older task does not run newer jobs: they are handed back uncharged, for later, and reported', async () => {
    const newer = task({ name: 'ship', version: 3 }, async (_order: { id: number }): Promise<unknown> => undefined)
    await using queue = await connect(backend, { tasks: [newer] })
    const reported = once(lines, 'TASK_TOO_OLD')
    const job = await queue.enqueue(newer, { id: 7 })
    await reported
    await worker.close()
    expect(await job.read()).toMatchObject({ state: 'scheduled', attempt: 0, error: { code: 'TASK_TOO_OLD' } })
  })
})

test('a job whose task no worker has is dead after twenty times in a row, some two hours later', async () => {
  const clock = new VirtualClock()
  const backend = memory({ clock })
  await using queue = await connect(backend, { clock })
  const worker = await startWorker(backend, { tasks, clock })
  const began = clock.elapsed()
  const job = await queue.enqueueByName('nobodyHasIt', [])
  await expect(clock.runUntil(job.result())).rejects.toMatchObject({ code: 'JOB_DEAD', cause: { code: 'UNKNOWN_TASK' } })
  expect(await job.read()).toMatchObject({ state: 'dead', attempt: 1, token: 20 })
  expect((clock.elapsed() - began) / 60_000).toBeGreaterThan(100)
  expect((await job.story()).history.filter(({ event }) => event === 'defer')).toHaveLength(19)
  await clock.runUntil(worker.close({ deadline: 0 }))
})
