import { setImmediate as nextTurn } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { memory } from '../../src/backends/memory/memory-backend.ts'
import { connect } from '../../src/client/connect.ts'
import { systemClock } from '../../src/kernel/clock.ts'
import { InvalidOptionError, JobNotKeptError } from '../../src/kernel/errors.ts'
import type { EnqueueInfo, Middleware } from '../../src/tasks/middleware.ts'
import { task } from '../../src/tasks/task.ts'

const trail: string[] = []
const leaves = (name: string): Middleware => ({
  async enqueue({ args }, next) {
    trail.push(`${name} ${String(args[0])}`)
    await next()
    trail.push(`${name} kept`)
  }
})

const count = task({ name: 'count', middleware: [leaves('task'), { run: (_, next) => next() }] }, (n: number) => n)
const refuseOdd: Middleware = {
  async enqueue({ args }, next) {
    await nextTurn()
    if (Number(args[0]) % 2 === 1) throw new RangeError(`odd: ${String(args[0])}`)
    await next()
  }
}

async function open(...middleware: Middleware[]) {
  trail.length = 0
  const backend = memory({ clock: systemClock })
  const queue = await connect(backend, { tasks: [count], middleware })
  const kept = async (): Promise<number> => (await queue.list()).length
  return { queue, kept, [Symbol.asyncDispose]: () => queue.close() }
}

describe('middleware around enqueue', () => {
  test('comes in order, the client\'s outermost, and sees the call', async () => {
    const seen: EnqueueInfo[] = []
    await using own = await open(leaves('client'), { async enqueue(call, next) { seen.push(call); await next() } })
    const job = await own.queue.enqueue(count.with({ priority: 3 }), 7)
    expect(trail).toEqual(['client 7', 'task 7', 'task kept', 'client kept'])
    expect(seen).toMatchObject([{ task: 'count', args: [7], job: job.id, rules: { priority: 3 } }])
    expect(await job.state()).toBe('ready')
  })

  test('comes for each call of many, which are kept together', async () => {
    await using own = await open(leaves('client'))
    await own.queue.enqueueMany(count, [[1], [2]])
    expect(trail.slice(0, 4).sort()).toEqual(['client 1', 'client 2', 'task 1', 'task 2'])
    expect(await own.kept()).toBe(2)
    expect(await own.queue.enqueueMany(count, [])).toEqual([])
  })

  test('comes for a call by name as well', async () => {
    await using own = await open(refuseOdd)
    await expect(own.queue.enqueueByName('elsewhere', [1])).rejects.toThrow('odd: 1')
    await own.queue.enqueueByName('elsewhere', [2])
    expect(await own.kept()).toBe(1)
  })

  test('refuses by throwing: nothing is kept, of many none', async () => {
    await using own = await open(refuseOdd)
    await expect(own.queue.enqueue(count, 1)).rejects.toThrow(RangeError)
    await expect(own.queue.enqueueMany(count, [[2], [3], [4]])).rejects.toThrow('odd: 3')
    expect(await own.kept()).toBe(0)
  })

  test('that ends without next is an error, not a job that never was', async () => {
    await using own = await open({ async enqueue() {} })
    await expect(own.queue.enqueue(count, 1)).rejects.toThrow(JobNotKeptError)
    await expect(own.queue.enqueueMany(count, [[1], [2]])).rejects.toThrow(JobNotKeptError)
    expect(await own.kept()).toBe(0)
  })

  test('that hides an error hides it in vain', async () => {
    const hides: Middleware = { async enqueue(_, next) { await next().catch(() => {}) } }
    await using own = await open(hides, { async enqueue(_, next) { await next() } })
    await own.queue.close()
    await expect(own.queue.enqueue(count, 1)).rejects.toMatchObject({ code: 'CLOSED' })
  })

  test('that calls next twice keeps the job once', async () => {
    await using own = await open({ async enqueue(_, next) { await Promise.all([next(), next()]) } }, leaves('inner'))
    await own.queue.enqueue(count, 1)
    expect(await own.kept()).toBe(1)
    expect(trail).toEqual(['inner 1', 'task 1', 'task kept', 'inner kept'])
  })

  test('that calls next after it refused keeps nothing', async () => {
    const late = Promise.withResolvers<void>()
    await using own = await open({
      async enqueue(_, next) {
        void nextTurn().then(next).then(late.resolve, late.resolve)
        throw new Error('refused')
      }
    })
    await expect(own.queue.enqueue(count, 1)).rejects.toThrow('refused')
    await late.promise
    expect(await own.kept()).toBe(0)
  })
})

test.each([['no list', { enqueue: () => {} }], ['a function', [() => {}]], ['misspelt', [{ enqeue: () => {} }]], ['half misspelt', [{ run: () => {}, enqeue: () => {} }]], ['a class that has none', [new (class { enqeue() {} })()]], ['a hook that is no function', [{ run: 1 }]]])('middleware is refused that is %s', async (_, middleware) => {
  await expect(connect('memory:', { middleware: middleware as never })).rejects.toThrow(InvalidOptionError)
  expect(() => task({ name: 'x', middleware: middleware as never }, () => {})).toThrow(InvalidOptionError)
})

test('a direct call knows no middleware', () => {
  expect(count(3)).toBe(3)
})
