import { expect } from 'vitest'
import { connect } from '../../src/client/connect.ts'
import { systemClock } from '../../src/kernel/clock.ts'
import { call } from '../../src/tasks/task-call.ts'
import { startWorker } from '../../src/worker/start-worker.ts'
import * as tasks from '../fixtures/queue/tasks.ts'
import { onEachBackend } from '../support/each-backend.ts'
import { overlaid } from '../support/overlaid.ts'

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

  test('none that waited for the room of one that held them back is started meanwhile', async (open) => {
    const backend = await open()
    await using queue = await connect(backend, { tasks })
    const jobs = await queue.enqueueMany(tasks.slowDown, [['task'], ['task'], ['task']])
    // A broker that takes its time over it.
    const slow = overlaid(backend, { gate: async (changes) => { await systemClock.sleep(50); await backend.gate(changes) } })
    await using _worker = await startWorker(slow, { tasks, loopConcurrency: 1 })
    await Promise.all(jobs.map((job) => job.result()))
    const first = (await Promise.all(jobs.map(async (job) => (await job.story()).history[1]!.startedAt!))).toSorted((a, b) => a - b)
    expect(first[1]! - first[0]!).toBeGreaterThanOrEqual(150)
  })

  test('a task that is ordered takes its key with each call, and jobs of a key run one after another', async (open) => {
    const backend = await open()
    await using queue = await connect(backend, { tasks })
    const inOrder = tasks.sleep.with({ ordered: true })
    const refused = { code: 'INVALID_OPTION', message: expect.stringMatching(/^A call of 'sleep', which is ordered, takes a key, such as with\(\{ key: 'tenant-7' \}\)/) as string }
    await expect(queue.enqueue(inOrder, 1)).rejects.toMatchObject(refused)
    await expect(queue.enqueueMany(inOrder, [[1]])).rejects.toMatchObject(refused)
    await expect(queue.enqueue(tasks.add.with({ link: call(inOrder, 1) }), 1, 2)).rejects.toMatchObject(refused)
    await expect(queue.schedule('each', { every: '1h' }, inOrder, 1)).rejects.toMatchObject(refused)
    const jobs = await Promise.all(['a', 'b', 'a', 'b', 'a'].map((key) => queue.enqueue(inOrder.with({ key }), 15)))
    await using _worker = await startWorker(backend, { tasks, threads: 2 })
    await Promise.all(jobs.map((job) => job.result()))
    const read = await Promise.all(jobs.map((job) => job.read()))
    for (const key of ['a', 'b']) {
      const own = read.filter((job) => job.key === key)
      expect(own.every(({ ordered }) => ordered)).toBe(true)
      for (const [at, { startedAt }] of own.entries()) if (at > 0) expect(startedAt).toBeGreaterThanOrEqual(own[at - 1]!.finishedAt!)
    }
  })

  test('limits that say nothing sensible are refused', async (open) => {
    await using queue = await connect(await open(), { tasks })
    for (const [of, limits, message] of [
      [{ queue: 'a', task: 'x', key: 'y' }, {}, /not both/],
      [{ queue: 'a b' }, {}, /queue/],
      [{ tasks: 'x' }, {}, /tasks/],
      [{}, undefined, /limit\(\)/],
      [{}, { concurrency: 0 }, /to start nothing, pause it/],
      [{ key: 'k' }, { weight: 100 }, /0\.01 to 60/],
      [{ task: 'add' }, { weight: 2 }, /given for a key/],
      [{}, { rate: { limit: 0, per: '1s' } }, /rate\.limit/],
      [{}, { rate: { limit: 1, per: 0 } }, /rate\.per/]
    ] as const) await expect(queue.limit(of as never, limits as never)).rejects.toMatchObject({ code: 'INVALID_OPTION', message: expect.stringMatching(message) as string })
    await expect(queue.pause({ key: '*' })).rejects.toThrow(/pause their queue/)
    expect(() => tasks.add.with({ key: '*' })).toThrow(/other than/)
    expect(() => tasks.add.with({ cost: 0 })).toThrow(/cost/)
  })
})
