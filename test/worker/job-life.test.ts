import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Backend } from '../../src/backends/backend.ts'
import { openBackend } from '../../src/backends/registry.ts'
import type { Client } from '../../src/client/client.ts'
import { connect } from '../../src/client/connect.ts'
import { systemClock } from '../../src/kernel/clock.ts'
import { CancelledError, UnknownJobError } from '../../src/kernel/errors.ts'
import { startWorker } from '../../src/worker/start-worker.ts'
import type { Worker } from '../../src/worker/worker.ts'
import * as tasks from '../fixtures/queue/tasks.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

describe.each(['memory', 'sqlite'])('the life of a job on %s', (kind) => {
  let folder: ReturnType<typeof temporaryFolder>
  let backend: Backend
  let queue: Client
  let worker: Worker

  beforeEach(async () => {
    folder = temporaryFolder()
    backend = await openBackend(kind === 'memory' ? 'memory:' : `sqlite:${join(folder.path, 'jobs.db')}`)
    queue = await connect(backend, { tasks })
    worker = await startWorker(backend, { tasks, threads: 1, lease: '1s' })
  })

  afterEach(async () => {
    await worker.close({ deadline: 0 })
    await queue.close()
    await backend.close()
    folder[Symbol.dispose]()
  })

  test('what an attempt says of itself is seen while it runs, and kept', async () => {
    const job = await queue.enqueue(tasks.steps, 3, true)
    while ((await job.read()).progress?.done !== 3) await systemClock.sleep(5)
    expect((await job.read()).progress).toEqual({ done: 3, total: 3, note: 'step 3' })
    await job.cancel()
    await expect(job.result()).rejects.toThrow(CancelledError)
    const { logs } = await job.story()
    expect(logs.map(({ level, message, fields, attempt, token }) => ({ level, message, fields: JSON.parse(fields) as unknown, attempt, token })))
      .toEqual([1, 2, 3].map((done) => ({ level: 'info', message: 'stepped', fields: { done }, attempt: 1, token: 1 })))
  })

  test('a job is watched from where it stands to its end, through progress and retries', async () => {
    const job = await queue.enqueue(tasks.steps, 3, true)
    const seen: string[] = []
    for await (const { state, progress } of job.watch()) {
      seen.push(`${state} ${progress?.done}`)
      if (progress?.done === 3 && state === 'active') await job.cancel()
    }
    expect(seen.at(-1)).toBe('cancelled 3')
    expect(seen).toContain('active 3')
    const again = await queue.enqueue(tasks.flaky.with({ retry: { initial: 50 } }), 3)
    const attempts = new Set<number>()
    for await (const { attempt } of again.watch()) attempts.add(attempt)
    expect([...attempts]).toEqual(expect.arrayContaining([1, 2, 3]))
    const states = []
    for await (const { state, result } of again.watch()) states.push([state, result])
    expect(states).toEqual([['succeeded', 3]])
    await expect(queue.watch('nobody').next()).rejects.toMatchObject({ code: 'UNKNOWN_JOB' })
    const waiting = (await queue.enqueue(tasks.add.with({ delay: '1h' }), 1, 2)).watch({ signal: AbortSignal.abort(new RangeError('enough')) })
    await expect(waiting.next()).rejects.toThrow(RangeError)
  })

  test('the last words of a short attempt arrive before its outcome', async () => {
    const jobs = await queue.enqueueMany(tasks.steps, Array.from({ length: 20 }, () => [2, false] as [number, boolean]))
    for (const job of jobs) {
      await job.result()
      expect((await job.read()).progress).toEqual({ done: 2, total: 2, note: 'step 2' })
      expect((await job.story()).logs).toHaveLength(2)
    }
  })

  test('the history tells each attempt, with its error and its worker', async () => {
    const job = await queue.enqueue(tasks.flaky, 3)
    await job.result()
    const { history } = await job.story()
    expect(history.map(({ event, attempt, worker: own, error }) => [event, attempt, own, error?.message])).toEqual([
      ['publish', 0, undefined, undefined],
      ['retry', 1, worker.id, 'attempt 1'],
      ['retry', 2, worker.id, 'attempt 2'],
      ['succeed', 3, undefined, undefined]
    ])
    await expect(queue.story('nowhere')).rejects.toThrow(UnknownJobError)
  })

  test('of an error as large as can be little is kept, and it is the same error', async () => {
    const job = await queue.enqueue(tasks.wordy, 5_000_000)
    await expect(job.result()).rejects.toMatchObject({ name: 'QuotaError', message: expect.stringMatching(/^xxx.*5000000 characters, cut\]$/) as unknown, response: expect.stringContaining('not kept') as unknown })
    expect((await job.story()).history.filter(({ error }) => error)).toHaveLength(3)
    expect(JSON.stringify(await job.story()).length).toBeLessThan(200_000)
  })

  test('a result that is there takes no time to get', async () => {
    const later = await queue.enqueue(tasks.add.with({ delay: '1h' }), 1, 2)
    await expect(later.result({ timeout: 0 })).rejects.toMatchObject({ code: 'RESULT_TIMEOUT', message: expect.stringContaining('it is scheduled') as unknown })
    const job = await queue.enqueue(tasks.add, 1, 2)
    await job.result()
    expect(await job.result({ timeout: 0 })).toBe(3)
  })

  test('an error that looks like what it is not fails its job, and nothing else', async () => {
    const job = await queue.enqueue(tasks.misleading)
    await expect(job.result()).rejects.toMatchObject({ name: 'QuotaError', detail: { $error: { name: 5 } } })
    expect(await (await queue.enqueue(tasks.add, 1, 2)).result()).toBe(3)
  })

  test('middleware that calls next again hears the same error, by which the retry is decided', async () => {
    const job = await queue.enqueue(tasks.impatient)
    await expect(job.result()).rejects.toMatchObject({ code: 'E_QUOTA', message: 'attempt 1' })
    expect((await job.read()).attempt).toBe(1)
  })

  test('tags find jobs, and all of a tag are cancelled, retried and purged together', async () => {
    const tagged = tasks.add.with({ delay: '1h', tags: ['tenant-7'] })
    const jobs = await queue.enqueueMany(tagged, [[1, 1], [2, 2]])
    const other = await queue.enqueue(tasks.add.with({ delay: '1h' }), 3, 3)
    expect((await queue.list({ tag: 'tenant-7' })).map(({ id, tags }) => [id, tags])).toEqual(jobs.map(({ id }) => [id, ['tenant-7']]))
    expect(await queue.cancelAll({ tag: 'tenant-7' })).toEqual({ cancelled: 2 })
    expect(await other.state()).toBe('scheduled')
    expect(await queue.retryAll({ tag: 'tenant-7', state: 'cancelled' })).toBe(2)
    expect(await Promise.all(jobs.map((job) => job.result()))).toEqual([2, 4])
    expect(await queue.purge({ states: ['succeeded'], tag: 'tenant-7', olderThan: 0 })).toBe(2)
    expect((await queue.list()).map(({ id }) => id)).toEqual([other.id])
  })

  test('a cancel says whether anybody is there to hear it', async () => {
    const running = await queue.enqueue(tasks.waitForAbort)
    while (await running.state() !== 'active') await systemClock.sleep(1)
    expect(await running.cancel()).toBe('stopping')
    await expect(running.result()).rejects.toThrow(CancelledError)
    expect(await running.cancel()).toBe('finished')

    // A worker that reserves and is never heard of again.
    const lost = await queue.enqueue(tasks.waitForAbort.with({ queue: 'nobody' }))
    await backend.reserve({ worker: 'dead', queues: ['nobody'], room: { loop: 1 }, lease: 1 })
    while ((await queue.stats()).workers.some(({ id }) => id === 'dead')) await systemClock.sleep(1)
    expect(await lost.cancel()).toBe('unreachable')
    // It is cancelled when it is taken from that worker.
    await expect(lost.result({ timeout: '20s' })).rejects.toThrow(CancelledError)
  })
})
