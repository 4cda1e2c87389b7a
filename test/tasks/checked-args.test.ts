import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { memory } from '../../src/backends/memory/memory-backend.ts'
import { connect } from '../../src/client/connect.ts'
import { local } from '../../src/client/local.ts'
import { systemClock } from '../../src/kernel/clock.ts'
import { InvalidArgumentsError, InvalidOptionError } from '../../src/kernel/errors.ts'
import type { StandardSchema } from '../../src/tasks/standard-schema.ts'
import { task } from '../../src/tasks/task.ts'
import { startWorker } from '../../src/worker/start-worker.ts'
import * as tasks from '../fixtures/tasks/schemas.ts'
import { encode } from '../../src/wire/codec.ts'
import { sealEnvelope } from '../../src/wire/envelope.ts'

const { add, guarded, halve, shipInProcess, shipOnLoop, shipOnThread } = tasks
const wrong = { id: 1.5 }

async function open() {
  const backend = memory({ clock: systemClock })
  const queue = await connect(backend, { tasks })
  const worker = await startWorker(backend, { tasks, threads: 1 })
  return { backend, queue, async [Symbol.asyncDispose]() { await worker.close({ deadline: 0 }); await queue.close() } }
}

describe('a schema of the arguments', () => {
  test('that says nothing refuses them', async () => {
    const mute = task({ name: 'mute', args: { '~standard': { version: 1, vendor: 'own', validate: () => undefined as never } } }, () => {})
    await using own = await open()
    await expect(own.queue.enqueue(mute)).rejects.toThrow(InvalidArgumentsError)
  })

  test.each([['loop', shipOnLoop], ['thread', shipOnThread], ['process', shipInProcess]])('says what the function gets, on a %s', async (_, ship) => {
    await using here = local({ threads: 1 })
    expect(await here.run(ship, { id: 7 }, '2026-01-01')).toEqual({ order: { id: 7, items: [] }, when: new Date('2026-01-01') })
    const error = await here.run(ship, wrong, '2026-01-01').catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(InvalidArgumentsError)
    expect(error).toMatchObject({ code: 'INVALID_ARGUMENTS', issues: [{ path: 'args[0].id' }], message: expect.stringContaining(`'${ship.name}'`) as string })
  })

  test('of another library does as well', async () => {
    await using here = local({ threads: 1 })
    expect(await here.run(add, 1, '2')).toBe(3)
    await expect(here.run(add, ...['x', 2] as unknown as [number, string])).rejects.toMatchObject({ issues: [{ path: 'args[0]' }, { path: 'args[1]' }] })
    await expect(here.run(add, ...[1, '2', 3] as unknown as [number, string])).rejects.toThrow(InvalidArgumentsError)
  })

  test('may be async, on a thread as well', async () => {
    await using here = local({ threads: 1 })
    const halves = []
    for await (const half of here.map(halve, [2, 4])) halves.push(half)
    expect(halves).toEqual([1, 2])
    await expect(here.run(halve, 3)).rejects.toThrow('args[0]: must be even')
  })

  test('is checked before anything else is done for the call', async () => {
    await using here = local({ threads: 1 })
    await expect(here.run(guarded, 7 as unknown as string)).rejects.toThrow(InvalidArgumentsError)
    await expect(here.run(guarded, 'seven')).rejects.toThrow('was opened')
  })

  test('is checked at enqueue: nothing is kept that it refuses, of many none', async () => {
    await using own = await open()
    await expect(own.queue.enqueue(shipOnLoop, wrong, '2026-01-01')).rejects.toThrow(InvalidArgumentsError)
    await expect(own.queue.enqueueMany(halve, [[2], [3]])).rejects.toThrow('must be even')
    await expect(own.queue.enqueueMany(halve, [[3], ['x' as unknown as number], [5]])).rejects.toThrow(InvalidArgumentsError)
    await expect(own.queue.enqueueByName('add', ['x', 1])).rejects.toThrow(InvalidArgumentsError)
    expect(await own.queue.list()).toEqual([])
  })

  test('what travels is the input, and the worker makes of it what the function gets', async () => {
    await using own = await open()
    const [thread, process, sum] = await Promise.all([
      own.queue.enqueue(shipOnThread, { id: 7 }, '2026-01-01'),
      own.queue.enqueue(shipInProcess, { id: 8 }, '2026-01-02'),
      own.queue.enqueue(add.with({ priority: 1 }), 1, '2')
    ])
    expect(await thread.result()).toEqual({ order: { id: 7, items: [] }, when: new Date('2026-01-01') })
    expect(await process.result()).toMatchObject({ order: { id: 8 } })
    expect(await sum.result()).toBe(3)
  })

  test.each([['the task', {}], ['the call', { retry: { limit: 3, initial: 1, factor: 1, max: 1, jitter: 'none' as const } }]])('a job that it refuses where it runs fails, and is not tried again, whatever %s says', async (_, header) => {
    await using own = await open()
    const id = `job-${Object.keys(header).length}`
    await own.backend.publish([{ id, task: 'shipOnThread', queue: 'default', place: 'thread', priority: 0, payload: sealEnvelope(header, encode(['x'])), delay: 0, expires: Infinity, tags: [] }])
    await expect(own.queue.job(id).result()).rejects.toMatchObject({ code: 'INVALID_ARGUMENTS' })
    expect(await own.queue.read(id)).toMatchObject({ state: 'failed', attempt: 1 })
  })

  test('does not stand before a direct call: that takes what the function takes', () => {
    expect(add(1, 2)).toBe(3)
  })

  test('must be one, and give a list', async () => {
    expect(() => task({ name: 'x', args: {} as StandardSchema<[number]> }, () => 1)).toThrow(InvalidOptionError)
    const one = task({ name: 'one', runs: 'loop', args: z.unknown() as unknown as StandardSchema<[number]> }, (n) => n)
    const none = task({ name: 'none', runs: 'loop', args: z.unknown().transform(() => 7) as unknown as StandardSchema<[number]> }, (n) => n)
    await using here = local()
    expect(await here.run(one, 1)).toBe(1)
    await expect(here.run(none, 1)).rejects.toThrow('z.tuple')
  })
})
