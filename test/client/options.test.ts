import { describe, expect, test } from 'vitest'
import { memory } from '../../src/backends/memory/memory-backend.ts'
import { redis } from '../../src/backends/redis/redis-backend.ts'
import { openBackend } from '../../src/backends/registry.ts'
import { sqlite } from '../../src/backends/sqlite/sqlite-backend.ts'
import { threadedSqlite } from '../../src/backends/sqlite/threaded-sqlite.ts'
import { connect } from '../../src/client/connect.ts'
import { local } from '../../src/client/local.ts'
import { HealthServer } from '../../src/http/health-server.ts'
import { systemClock } from '../../src/kernel/clock.ts'
import { InvalidOptionError } from '../../src/kernel/errors.ts'
import { resource } from '../../src/tasks/resource.ts'
import { task } from '../../src/tasks/task.ts'
import { startWorker } from '../../src/worker/start-worker.ts'
import * as tasks from '../fixtures/queue/tasks.ts'

const area = task({ name: 'area' }, (width: number, height: number) => width * height)
// What plain JavaScript, or a value of a request, may bring.
const any = (value: unknown): never => value as never

async function open() {
  const queue = await connect('memory:', { tasks: [area] })
  await queue.enqueueMany(area.with({ tags: ['tenant-7'] }), [[1, 2], [3, 4]])
  return { queue, [Symbol.asyncDispose]: () => queue.close() }
}

describe('a filter that is not what it looks like changes no job', () => {
  test.each<[string, object | undefined]>([
    ['a tag that is undefined', { tag: undefined }],
    ['an empty tag', { tag: '' }],
    ['a tag that is no text', { tag: 7 }],
    ['a misspelt key', { tagg: 'tenant-7' }],
    ['a state that there is not', { state: 'zz' }],
    ['several states', { state: ['ready'] }],
    ['a state in which there is nothing to do', { state: 'succeeded' }],
    ['a limit', { limit: 5 }],
    ['none', undefined]
  ])('%s', async (_, filter) => {
    await using own = await open()
    await expect(own.queue.cancelAll(any(filter))).rejects.toThrow(InvalidOptionError)
    await expect(own.queue.retryAll(any(filter && { state: 'cancelled', ...filter }))).rejects.toThrow(InvalidOptionError)
    await expect(own.queue.purge(any(filter && { states: ['cancelled'], olderThan: 0, ...filter }))).rejects.toThrow(InvalidOptionError)
    expect((await own.queue.stats()).queues['default']).toMatchObject({ ready: 2 })
  })

  test('an empty one cancels all, as it says', async () => {
    await using own = await open()
    expect(await own.queue.cancelAll({})).toEqual({ cancelled: 2 })
  })

  test.each([{ olderThan: 0 }, { states: [], olderThan: 0 }, { states: 'failed', olderThan: 0 }, { states: ['ready'], olderThan: 0 }, { states: ['failed'] }, { states: ['failed'], olderThan: -1 }])('purge(%j)', async (options) => {
    await using own = await open()
    await expect(own.queue.purge(any(options))).rejects.toThrow(InvalidOptionError)
  })
})

test.each([{ limit: Number.NaN }, { limit: 1e300 }, { limit: -1 }, { limit: 0 }, { limit: 1.5 }, { limit: '5' }, { state: 'zz' }, { tag: 7 }, { after: 5 }, { quue: 'x' }, null, 'ready'])('list(%j) is refused', async (filter) => {
  await using own = await open()
  await expect(own.queue.list(any(filter))).rejects.toThrow(InvalidOptionError)
})

test('what is undefined in the filter of a list is left out', async () => {
  await using own = await open()
  expect(await own.queue.list(any({ queue: undefined, state: undefined, limit: undefined }))).toHaveLength(2)
})

test.each<[string, (queue: Awaited<ReturnType<typeof open>>['queue']) => unknown]>([
  ['an id that is undefined', async (queue) => queue.job(any(undefined))],
  ['an id that is a number', (queue) => queue.cancel(any(5))],
  ['an id that is null, to retry', (queue) => queue.retry(any(null))],
  ['an id that is an object, to read', (queue) => queue.read(any({}))],
  ['calls that are no lists', (queue) => queue.enqueueMany(area, any([1, 2]))],
  ['arguments that are no list', (queue) => queue.enqueueByName('area', any('xy'))],
  ['an option of a call that there is not', (queue) => queue.enqueueByName('area', [], any({ dlay: 5 }))],
  ['calls that are null', (queue) => queue.enqueueMany(area, any(null))],
  ['a signal that is none', async (queue) => (await queue.enqueue(area, 1, 2)).result(any({ signal: 5 }))],
  ['an option of result() that there is not', async (queue) => (await queue.enqueue(area, 1, 2)).result(any({ timout: 5 }))]
])('a client refuses %s', async (_, act) => {
  await using own = await open()
  await expect(act(own.queue)).rejects.toThrow(InvalidOptionError)
})

test.each<[string, unknown, object?]>([
  ['null', null],
  ['a number', 5],
  ['an object that is no backend', {}],
  ['an object with a part of one', { publish: () => {} }],
  ['an option that there is not', 'memory:', { taks: [] }],
  ['options that are none', 'memory:', any(null)],
  ['a payload limit that is no number', 'memory:', { payloadLimit: Number.NaN }],
  ['payloads that are no store', 'memory:', { payloads: {} }]
])('connect() refuses %s', async (_, where, options) => {
  await expect(connect(any(where), options)).rejects.toThrow(InvalidOptionError)
})

test.each<[string, unknown, object?]>([
  ['null for a backend', null],
  ['no queues', 'memory:', { queues: [] }],
  ['a queue without a name', 'memory:', { queues: [''] }],
  ['a queue that is no list', 'memory:', { queues: 'mail' }],
  ['an option that there is not', 'memory:', { thread: 2 }]
])('startWorker() refuses %s', async (_, where, options) => {
  await expect(startWorker(any(where), { tasks, ...options })).rejects.toThrow(InvalidOptionError)
})

test('a filter is what it was when it was given', async () => {
  await using own = await open()
  await own.queue.enqueue(area, 5, 6)
  const filter: { tag?: string } = { tag: 'tenant-7' }
  const cancelling = own.queue.cancelAll(filter)
  delete filter.tag
  expect(await cancelling).toEqual({ cancelled: 2 })
})

test.each([null, { name: 'db', opn: () => {} }, { name: '', open: () => {} }, { name: 'db' }, { name: 'db', open: () => {}, close: 5 }])('resource(%j) is refused', (options) => {
  expect(() => resource(any(options))).toThrow(InvalidOptionError)
})

test.each<[string, () => unknown]>([
  ['memory()', async () => memory(any({ clok: systemClock }))],
  ['sqlite()', () => sqlite(':memory:', any({ durabilty: 'disk' }))],
  ['sqlite() in a thread', () => threadedSqlite(':memory:', any({ busyTimout: 5 }))],
  ['redis()', () => redis('redis://localhost:1', any({ prefx: 'shop' }))],
  ['openBackend()', () => openBackend('memory:', any({ treaded: true }))],
  ['HealthServer', async () => new HealthServer(any({}), any({ prt: 80 }))],
  ['HealthServer without any', async () => new HealthServer(any({}), any(undefined))]
])('%s refuses an option that there is not', async (_, act) => {
  await expect(act()).rejects.toThrow(InvalidOptionError)
})

test('close() and local() refuse options that there are not', async () => {
  await using own = await open()
  await expect(own.queue.close(any({ deadlin: 5 }))).rejects.toThrow(InvalidOptionError)
  expect(() => local(any({ memoryLimit: '5' }))).toThrow(InvalidOptionError)
  expect(() => local(any({ thread: 2 }))).toThrow(InvalidOptionError)
  await using here = local()
  expect(() => here.with(any({ onProgres: () => {} }))).toThrow(InvalidOptionError)
  expect(() => here.with(any({ signal: 5 }))).toThrow(InvalidOptionError)
  expect(() => here.map(task({ name: 'one' }, (n: number) => n), [1], any({ concurency: 2 }))).toThrow(InvalidOptionError)
})
