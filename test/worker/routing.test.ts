import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { connect } from '../../src/client/connect.ts'
import { QueueDraw } from '../../src/worker/queue-draw.ts'
import { startWorker } from '../../src/worker/start-worker.ts'
import * as tasks from '../fixtures/queue/tasks.ts'
import { onEachBackend } from '../support/each-backend.ts'

onEachBackend('routing', (each) => {
  each('a task goes to the queue of its call, else its own, else that of the first pattern that fits', async (open) => {
    const backend = await open()
    await using queue = await connect(backend, { tasks, routes: { 'ad*': 'sums', '*': 'rest', 'greet': 'never' } })
    await queue.enqueueMany(tasks.add, [[1, 2], [3, 4]])
    await queue.enqueue(tasks.greet, 'you')
    await queue.enqueue(tasks.greet.with({ queue: 'mine' }), 'you')
    expect(Object.fromEntries(Object.entries((await queue.stats()).queues).map(([name, { ready }]) => [name, ready]))).toEqual({ sums: 2, rest: 1, mine: 1 })
  })

  each('a worker with weights serves all of its queues, and leaves none while it has room', async (open) => {
    const backend = await open()
    await using queue = await connect(backend, { tasks })
    const jobs = []
    for (const name of ['urgent', 'bulk', 'other']) jobs.push(...await queue.enqueueMany(tasks.add.with({ queue: name }), Array.from({ length: 20 }, (_, n) => [n, 1] as [number, number])))
    await using _worker = await startWorker(backend, { tasks, threads: 1, queues: { urgent: 5, bulk: 1, other: 0.5 } })
    for (const [at, job] of jobs.entries()) expect(await job.result()).toBe(at % 20 + 1)
    expect(await (await queue.enqueue(tasks.add.with({ queue: 'bulk' }), 1, 1)).result()).toBe(2)
  })

  each('what waited already before a worker started is taken by weight', async (open) => {
    const backend = await open()
    await using queue = await connect(backend, { tasks })
    const jobs = []
    for (const name of ['bulk', 'urgent']) jobs.push(...await queue.enqueueMany(tasks.greet.with({ queue: name }), Array.from({ length: 900 }, () => ['you'] as [string])))
    await using _worker = await startWorker(backend, { tasks, threads: 1, loopConcurrency: 4, queues: { urgent: 50, bulk: 1 } })
    for (const job of jobs) await job.result()
    const [bulk, urgent] = await Promise.all(['bulk', 'urgent'].map(async (name) => (await queue.list({ queue: name, limit: 1_000 })).map(({ finishedAt }) => Number(finishedAt))))
    const lastUrgent = Math.max(...urgent!)
    expect(bulk!.filter((at) => at < lastUrgent).length).toBeLessThan(450)
  })

  each('queues, routes and prefixes that say nothing sensible are refused', async (open) => {
    const backend = await open()
    for (const queues of [[], {}, { a: 0 }, { a: Number.NaN }, 'a', { 'a b': 1 }]) await expect(startWorker(backend, { tasks, queues: queues as never })).rejects.toMatchObject({ code: 'INVALID_OPTION' })
    for (const routes of [{ 'a b': 'x' }, { a: 'b c' }, ['x'], null]) await expect(connect(backend, { routes: routes as never })).rejects.toMatchObject({ code: 'INVALID_OPTION' })
    await expect(connect(backend, { prefix: 'shop' })).rejects.toThrow(/open already/)
    await expect(connect('sqlite:app.db', { prefix: 'shop' })).rejects.toThrow(/a file of its own/)
    await expect(connect('redis://127.0.0.1:1', { prefix: '' })).rejects.toThrow(/a name/)
  })
})

describe('which queue is asked next', () => {
  test('each by its weight, and each once before there is none', () => {
    fc.assert(fc.property(fc.dictionary(fc.string({ minLength: 1 }), fc.double({ min: 0.001, max: 1_000, noNaN: true }), { minKeys: 1, maxKeys: 6 }), fc.infiniteStream(fc.double({ min: 0, max: 0.999999, noNaN: true })), (weights, random) => {
      const names = Object.keys(weights)
      const draw = new QueueDraw(new Map(Object.entries(weights)), () => random.next().value)
      const drawn = names.map((_, at) => {
        const queue = draw.next(['loop', 'thread'])!
        expect(draw.emptied(queue, 'loop')).toBe(at === names.length - 1)
        expect(draw.emptied(queue, 'thread')).toBe(at === names.length - 1)
        return queue
      })
      expect(drawn.toSorted()).toEqual(names.toSorted())
      expect(draw.next(['loop', 'thread'])).toBe(undefined)
      expect(names).toContain(draw.next(['loop', 'process']))
      draw.refill()
      expect(names).toContain(draw.next(['loop']))
    }))
    const draw = new QueueDraw(new Map([['urgent', 3], ['bulk', 1]]), () => 0.74)
    expect([draw.next(['loop']), new QueueDraw(new Map([['urgent', 3], ['bulk', 1]]), () => 0.76).next(['loop'])]).toEqual(['urgent', 'bulk'])
  })
})
