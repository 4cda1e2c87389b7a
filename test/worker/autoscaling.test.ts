import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { expect, test } from 'vitest'
import type { BrokerStats, QueueStats } from '../../src/backends/broker.ts'
import { loadOf } from '../../src/backends/load.ts'
import { memory } from '../../src/backends/memory/memory-backend.ts'
import { connect } from '../../src/client/connect.ts'
import { Bell } from '../../src/concurrency/bell.ts'
import type { WorkerChange } from '../../src/executors/statistics.ts'
import { ThreadExecutor } from '../../src/executors/threads/thread-executor.ts'
import { VirtualClock } from '../../src/kernel/virtual-clock.ts'
import { definitionOf } from '../../src/tasks/task.ts'
import { startWorker } from '../../src/worker/start-worker.ts'
import * as tasks from '../fixtures/queue/tasks.ts'

const none: QueueStats = { scheduled: 0, ready: 0, active: 0, waiting: 0, succeeded: 0, failed: 0, cancelled: 0, dead: 0 }
const worker = (id: string, capacity: number, ...queues: string[]): BrokerStats['workers'][number] => ({ id, leaseLeft: 1, active: 0, capacity, queues })

test('the load is what is queued and active, by what live workers run at once; of each queue, by those that serve it', () => {
  const queues = { mail: { ...none, ready: 30, active: 6, scheduled: 100, succeeded: 9 }, images: { ...none, ready: 0, active: 2 }, apart: { ...none, ready: 3 } }
  expect(loadOf({ queues, workers: [worker('a', 4, 'mail', 'images'), worker('b', 8, 'mail')] })).toEqual({
    queued: 33, active: 8, capacity: 12, load: 41 / 12,
    queues: {
      mail: { queued: 30, active: 6, capacity: 12, load: 3 },
      images: { queued: 0, active: 2, capacity: 4, load: 0.5 },
      // Nobody serves it: as many as wait, so that somebody comes.
      apart: { queued: 3, active: 0, capacity: 0, load: 3 }
    }
  })
  expect(loadOf({ queues: {}, workers: [] })).toEqual({ queued: 0, active: 0, capacity: 0, load: 0, queues: {} })
})

test('a worker counts the places where its tasks run', async () => {
  const backend = memory()
  await using queue = await connect(backend, { tasks })
  const only = await startWorker(backend, { tasks: [tasks.add], threads: { min: 1, max: 3 }, queues: ['default', 'mail'] })
  while ((await queue.stats()).workers.length === 0) await new Promise(setImmediate)
  await queue.enqueue(tasks.add.with({ queue: 'nobody' }), 1, 2)
  const { workers, load } = await queue.stats()
  expect(workers).toMatchObject([{ id: only.id, capacity: 3, queues: ['default', 'mail'] }])
  expect([load.capacity, load.queued, load.load]).toEqual([3, 1, 1 / 3])
  await only.close()
})

test('a pool grows when it is resized, and shrinks when what runs has ended; idle threads beyond it end at once', async () => {
  const clock = new VirtualClock()
  await using threads = new ThreadExecutor({ threads: 1, clock })
  const call = (): ReturnType<ThreadExecutor['execute']> => threads.execute({ task: definitionOf(tasks.giveBack, 'the test'), input: { args: [1] }, timeout: Infinity })
  const ran = async (count: number): Promise<number> => {
    await Promise.all(Array.from({ length: count }, call))
    return threads.size
  }
  expect(await ran(20)).toBe(1)
  threads.resize(3)
  expect(threads.concurrency).toBe(3)
  await threads.warm([])
  expect(threads.size).toBe(3)
  threads.resize(1)
  expect([threads.concurrency, threads.size]).toEqual([1, 1])
  expect(await ran(20)).toBe(1)
  threads.resize(2)
  const stop = new AbortController()
  const held = [1, 2].map(() => threads.execute({ task: definitionOf(tasks.waitForAbort, 'the test'), input: { args: [] }, timeout: Infinity, signal: stop.signal }))
  while (threads.statistics().running < 2) await new Promise(setImmediate)
  threads.resize(1)
  expect(threads.size).toBe(2)
  stop.abort()
  await Promise.all(held)
  expect(await ran(5)).toBe(1)
})

test('threads come with the work, and end when they idle, but for those that stay', async () => {
  const threads = { now: 0, most: 0 }
  const changed = new Bell()
  const change = (by: number) => (message: unknown): void => {
    if ((message as WorkerChange).place !== 'thread') return
    threads.now += by
    threads.most = Math.max(threads.most, threads.now)
    changed.ring()
  }
  const [started, ended] = [change(1), change(-1)]
  subscribe('treadle:worker:started', started)
  subscribe('treadle:worker:ended', ended)
  const backend = memory()
  await using queue = await connect(backend, { tasks })
  const running = await startWorker(backend, { tasks: [tasks.add], threads: { min: 1, max: 3, idleAfter: 50 } })
  const jobs = await queue.enqueueMany(tasks.add, Array.from({ length: 300 }, () => [1, 2] as [number, number]))
  await Promise.all(jobs.map((job) => job.result()))
  while (threads.most < 2 || threads.now > 1) await changed.wait()
  expect(threads.most).toBeLessThanOrEqual(3)
  await (await queue.enqueue(tasks.add, 1, 2)).result()
  expect(threads.now).toBe(1)
  await running.close()
  unsubscribe('treadle:worker:started', started)
  unsubscribe('treadle:worker:ended', ended)
})

test('a size that makes no sense is refused', async () => {
  for (const [size, message] of [
    [{ min: 4, max: 2 }, /threads\.max takes at least min, which is 4/],
    [{ max: 0 }, /threads\.max takes a whole number/],
    [{ most: 2 }, /threads takes these options/],
    [{ min: 1.5 }, /threads\.min takes a whole number/]
  ] as const) await expect(startWorker(memory(), { tasks, threads: size as never })).rejects.toThrow(message)
})
