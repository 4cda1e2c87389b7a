import { expect } from 'vitest'
import { connect } from '../../src/client/connect.ts'
import { systemClock } from '../../src/kernel/clock.ts'
import { startWorker } from '../../src/worker/start-worker.ts'
import * as tasks from '../fixtures/queue/tasks.ts'
import { onEachBackend } from '../support/each-backend.ts'

onEachBackend('limits', (test) => {
  test('two workers together run no more of a key at once than its limit, and all of it in the end', async (open) => {
    const [backend, other] = [await open(), await open()]
    await using queue = await connect(backend, { tasks })
    await queue.limit({ key: '*' }, { concurrency: 1 })
    await using _one = await startWorker(backend, { tasks, threads: 1 })
    await using _two = await startWorker(other, { tasks, threads: 1 })
    const jobs = await queue.enqueueMany(tasks.sleep.with({ key: 'tenant' }), Array.from({ length: 8 }, () => [15] as [number]))
    await Promise.all(jobs.map((job) => job.result()))
    const spans = (await Promise.all(jobs.map((job) => job.read()))).map(({ startedAt, finishedAt }) => [startedAt!, finishedAt!] as const).toSorted(([a], [b]) => a - b)
    for (const [at, [startedAt]] of spans.entries()) if (at > 0) expect(startedAt).toBeGreaterThanOrEqual(spans[at - 1]![1])
  })

  test('what is paused waits, and goes on when it is resumed', async (open) => {
    const backend = await open()
    await using queue = await connect(backend, { tasks })
    await queue.pause({ task: 'add' })
    await using _worker = await startWorker(backend, { tasks, threads: 1 })
    const [paused, other] = [await queue.enqueue(tasks.add, 1, 2), await queue.enqueue(tasks.greet, 'you')]
    expect(await other.result()).toBe('hello you')
    expect(await paused.state()).toBe('ready')
    expect(await queue.limits()).toEqual([{ queue: 'default', task: 'add', rule: {}, paused: true, heldUntil: 0 }])
    await queue.resume({ task: 'add' })
    expect(await paused.result()).toBe(3)
    expect(await queue.limits()).toEqual([])
  })

  test('a task that is told to come back later holds back all like it', async (open) => {
    for (const what of ['task', 'key', 'queue'] as const) {
      const backend = await open()
      await using queue = await connect(backend, { tasks })
      await using _worker = await startWorker(backend, { tasks, threads: 1 })
      const first = await queue.enqueue(tasks.slowDown.with({ key: 'k' }), what)
      while ((await queue.limits()).every(({ heldUntil }) => heldUntil === 0)) await systemClock.sleep(1)
      const { heldUntil } = (await queue.limits())[0]!
      const second = await queue.enqueue(tasks.slowDown.with({ key: 'k' }), what)
      await first.result()
      await second.result()
      expect((await second.story()).history[1]!.startedAt).toBeGreaterThanOrEqual(heldUntil)
    }
  })

  test('limits that say nothing sensible are refused', async (open) => {
    await using queue = await connect(await open(), { tasks })
    for (const [of, limits, message] of [
      [{ queue: 'a', task: 'x', key: 'y' }, {}, /not both/],
      [{ queue: 'a b' }, {}, /queue/],
      [{ tasks: 'x' }, {}, /tasks/],
      [{}, { concurrency: 0 }, /to start nothing, pause it/],
      [{}, { weight: 100 }, /0\.01 to 60/],
      [{}, { rate: { limit: 0, per: '1s' } }, /rate\.limit/],
      [{}, { rate: { limit: 1, per: 0 } }, /rate\.per/]
    ] as const) await expect(queue.limit(of as never, limits)).rejects.toMatchObject({ code: 'INVALID_OPTION', message: expect.stringMatching(message) as string })
    await expect(queue.pause({ key: '*' })).rejects.toThrow(/pause their queue/)
    expect(() => tasks.add.with({ ordered: true })).toThrow(/given with a key/)
    expect(() => tasks.add.with({ key: '*' })).toThrow(/other than/)
    expect(() => tasks.add.with({ cost: 0 })).toThrow(/cost/)
  })
})
