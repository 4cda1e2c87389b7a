import { DatabaseSync } from 'node:sqlite'
import { join } from 'node:path'
import { afterAll, afterEach, beforeEach, describe, expect } from 'vitest'
import type { Backend } from '../../src/backends/backend.ts'
import { memory } from '../../src/backends/memory/memory-backend.ts'
import { openBackend } from '../../src/backends/registry.ts'
import type { Client } from '../../src/client/client.ts'
import { connect } from '../../src/client/connect.ts'
import type { EventStream } from '../../src/client/events.ts'
import type { QueueEvent } from '../../src/jobs/queue-event.ts'
import { ClosedError } from '../../src/kernel/errors.ts'
import { newJob } from '../../src/testing/backend-conformance/bench.ts'
import { startWorker } from '../../src/worker/start-worker.ts'
import type { Worker } from '../../src/worker/worker.ts'
import * as tasks from '../fixtures/queue/tasks.ts'
import { RedisServer, relay, to } from '../support/redis-server.ts'
import { testWithRedis } from '../support/requirements.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

const test = testWithRedis()

let server: Promise<RedisServer> | undefined
let places = 0
afterAll(async () => (await server)?.[Symbol.asyncDispose]())

/** Takes events until one fits. */
async function until<Event>(events: AsyncIterable<Event>, fits: (event: Event) => boolean): Promise<Event[]> {
  const taken: Event[] = []
  for await (const event of events) {
    taken.push(event)
    if (fits(event)) break
  }
  return taken
}

describe.each(['memory', 'sqlite', 'redis'])('events on %s', (kind) => {
  let folder: ReturnType<typeof temporaryFolder>
  let opened: AsyncDisposableStack
  let queue: Client
  let worker: Worker
  let where: Backend | string

  // Each has a handle of its own, as if it were in a process of its own.
  beforeEach(async () => {
    folder = temporaryFolder()
    opened = new AsyncDisposableStack()
    const shared = kind === 'memory' ? opened.use(memoryHandle()) : undefined
    const url = kind === 'sqlite' ? `sqlite:${join(folder.path, 'jobs.db')}` : `${(await (server ??= RedisServer.start())).url}?prefix=events-${++places}`
    where = shared?.backend ?? url
    queue = opened.use(await connect(where, { tasks }))
    worker = await startWorker(where, { tasks, threads: 1, lease: '1s' })
    opened.defer(() => worker.close({ deadline: 0 }))
  })
  afterEach(async () => {
    await opened.disposeAsync()
    folder[Symbol.dispose]()
  })

  test('a job is told from its enqueue to its end, in order', async () => {
    const events = queue.events()
    await events.ready
    const job = await queue.enqueue(tasks.flaky, 3)
    const told = (await until(events, (event) => event.type === 'succeeded')).filter((event) => 'job' in event)
    expect(told.map(({ type, attempt, token, worker: own }) => [type, attempt, token, own])).toEqual([
      ['enqueued', 0, 0, undefined],
      ['started', 1, 1, worker.id],
      ['retried', 1, 1, worker.id],
      ['started', 2, 2, worker.id],
      ['retried', 2, 2, worker.id],
      ['started', 3, 3, worker.id],
      ['succeeded', 3, 3, worker.id]
    ])
    expect(told.every(({ job: id, task, queue: name }) => id === job.id && task === 'flaky' && name === 'default')).toBe(true)
    expect(told.find(({ type }) => type === 'retried')).toMatchObject({ error: { name: 'Error', message: 'attempt 1' } })
    expect(told.map(({ at }) => at)).toEqual(told.map(({ at }) => at).toSorted((a, b) => a - b))
  })

  test('progress, failure and cancel are told; so are workers', async () => {
    const events = queue.events({ types: ['progress', 'failed', 'cancelled', 'worker-heartbeat', 'worker-offline'] })
    await events.ready
    const stepping = await queue.enqueue(tasks.steps, 2, true)
    const failing = await queue.enqueue(tasks.fail)
    const first = await until(watched(events), (event) => event.type === 'progress' && event.progress.done === 2)
    await stepping.cancel()
    const second = await until(watched(events), (event) => event.type === 'cancelled')
    await worker.close({ deadline: 0 })
    const third = await until(events, (event) => event.type === 'worker-offline')
    const all = [...first, ...second, ...third]
    expect(all.find(({ type }) => type === 'failed')).toMatchObject({ job: failing.id, attempt: 1, error: { name: 'QuotaError', message: 'quota used up', code: 'E_QUOTA' } })
    expect(all.find(({ type }) => type === 'cancelled')).toMatchObject({ job: stepping.id, worker: worker.id })
    expect(all.at(-1)).toMatchObject({ worker: worker.id, lost: false })
    for (const event of all) if (event.type === 'worker-heartbeat') expect(event).toMatchObject({ worker: worker.id })
  })

  test('of many jobs of several workers, each is told in order', async () => {
    const events = queue.events({ tasks: ['add', 'greet'] })
    await events.ready
    opened.use(await startWorker(where, { tasks, threads: 1, lease: '1s' }))
    const jobs = [
      ...await queue.enqueueMany(tasks.add, Array.from({ length: 150 }, (_, n) => [n, n] as [number, number])),
      ...await Promise.all(Array.from({ length: 150 }, (_, n) => queue.enqueue(tasks.greet, String(n))))
    ]
    const open = new Set(jobs.map(({ id }) => id))
    const told = await until(events, (event) => {
      if (event.type === 'succeeded') open.delete(event.job)
      return open.size === 0
    })
    const byJob = Object.groupBy(told.filter((event) => 'job' in event), ({ job }) => job)
    expect(Object.keys(byJob)).toHaveLength(300)
    for (const one of Object.values(byJob)) {
      // One may have been taken ahead and handed back.
      const types = one!.map(({ type }) => type)
      expect([types[0], types.at(-1)]).toEqual(['enqueued', 'succeeded'])
      expect(one!.map(({ token }) => token)).toEqual(one!.map(({ token }) => token).toSorted((a, b) => a - b))
    }
  })

  test('only what was asked for is given', async () => {
    const job = await queue.enqueue(tasks.greet.with({ delay: '1h' }), 'later')
    const [one, other] = [queue.events({ job: job.id }), queue.events({ queues: ['apart'], types: ['enqueued'] })]
    await Promise.all([one.ready, other.ready])
    await queue.enqueue(tasks.greet, 'now')
    const apart = await queue.enqueue(tasks.greet.with({ queue: 'apart' }), 'apart')
    await job.cancel()
    expect(await until(one, () => true)).toMatchObject([{ type: 'cancelled', job: job.id }])
    expect(await until(other, () => true)).toMatchObject([{ type: 'enqueued', job: apart.id, queue: 'apart' }])
  })

  test('whoever is too slow loses the oldest, and hears how many', async () => {
    const events = queue.events({ types: ['enqueued'], limit: 10 })
    const all = queue.events({ types: ['enqueued'] })
    await Promise.all([events.ready, all.ready])
    const jobs = await queue.enqueueMany(tasks.greet.with({ delay: '1h' }), Array.from({ length: 25 }, () => ['later'] as [string]))
    await until(all, (event) => event.type === 'enqueued' && event.job === jobs.at(-1)!.id)
    const taken = await until(events, (event) => event.type === 'enqueued' && event.job === jobs.at(-1)!.id)
    expect(taken[0]).toEqual({ type: 'missed', count: 15 })
    expect(taken.slice(1).map((event) => 'job' in event && event.job)).toEqual(jobs.slice(15).map(({ id }) => id))
  })

  test('a signal ends it, and so does the client', async () => {
    const stop = new AbortController()
    const events = queue.events({ signal: stop.signal })
    const next = events.next()
    stop.abort(new RangeError('enough'))
    await expect(next).rejects.toThrow('enough')
    const others = queue.events()
    const waiting = expect(until(others, () => false)).rejects.toThrow(ClosedError)
    await queue.close()
    await waiting
    expect(() => queue.events()).toThrow(ClosedError)
  })
})

test('what is not understood is refused', async () => {
  await using handle = memoryHandle()
  const queue = await connect(handle.backend)
  for (const [options, message] of [
    [{ types: ['done'] }, /types takes a list of: enqueued/],
    [{ queues: [] }, /queues takes a list of names/],
    [{ job: '' }, /job takes the id of a job/],
    [{ limit: 0 }, /limit takes a whole number/],
    [{ limits: 1 }, /takes these options/]
  ] as const) expect(() => queue.events(options as never)).toThrow(message)
  await queue.close()
})

test('where the way to Redis was cut, it goes on, and says that something was missed', async () => {
  await using redis = await RedisServer.start()
  await using way = await relay(to(redis))
  await using queue = await connect(way.url)
  await using opened = new AsyncDisposableStack()
  const direct = opened.adopt(await openBackend(redis.url), (backend) => backend.close())
  const events = queue.events({ types: ['enqueued'] })
  await events.ready
  await direct.publish([newJob()])
  expect(await until(watched(events), () => true)).toMatchObject([{ type: 'enqueued' }])
  await way.cut()
  await direct.publish([newJob()])
  await way.restore()
  expect(await until(watched(events), () => true)).toEqual([{ type: 'missed', count: undefined }])
  const seen = newJob()
  await direct.publish([seen])
  expect(await until(events, () => true)).toMatchObject([{ type: 'enqueued', job: seen.id }])
})

test('a SQLite file keeps what is told only while somebody hears it, and no more than so much', async () => {
  using folder = temporaryFolder()
  const url = `sqlite:${join(folder.path, 'jobs.db')}`
  await using opened = new AsyncDisposableStack()
  const [teller, hearer] = [opened.adopt(await openBackend(url), (backend) => backend.close()), opened.adopt(await openBackend(url), (backend) => backend.close())]
  const file = opened.adopt(new DatabaseSync(join(folder.path, 'jobs.db')), (db) => db.close())
  const rows = (): unknown => file.prepare('SELECT (SELECT count(*) FROM treadle_messages) AS messages, (SELECT count(*) FROM treadle_hearers) AS hearers').get()
  await teller.publish([newJob()])
  await teller.post('big', 'to nobody')
  expect(rows()).toEqual({ messages: 0, hearers: 0 })
  const room = Promise.withResolvers<void>()
  const heard: string[] = []
  let missed = 0
  const hearing = hearer.hear('big', {
    heard(message) {
      heard.push(message)
      return room.promise
    },
    missed: () => { missed++ },
    failed() {}
  })
  await hearing.ready
  const large = 'x'.repeat(2 ** 20)
  await teller.post('big', `0${large}`)
  while (heard.length === 0) await hearer.read([])
  for (let n = 1; n < 20; n++) await teller.post('big', `${n}${large}`)
  const last = Promise.withResolvers<void>()
  const more = hearer.hear('small', { heard: () => last.resolve(), missed() {}, failed() {} })
  await more.ready
  room.resolve()
  await teller.post('big', 'the last')
  await teller.post('small', 'now')
  await last.promise
  while (heard.at(-1) !== 'the last') await hearer.read([])
  expect(missed).toBe(1)
  expect(heard.length).toBeLessThan(12)
  hearing[Symbol.dispose]()
  more[Symbol.dispose]()
  await hearer.read([])
  await teller.publish([newJob()])
  expect(rows()).toEqual({ messages: 0, hearers: 0 })
})

/** The same events, and not left when whoever iterates leaves. */
function watched(events: EventStream): AsyncIterable<QueueEvent | { readonly type: 'missed', readonly count: number | undefined }>
function watched<Type extends QueueEvent['type']>(events: EventStream<Type>): AsyncIterable<(QueueEvent & { readonly type: Type }) | { readonly type: 'missed', readonly count: number | undefined }>
function watched<Type extends QueueEvent['type']>(events: EventStream<Type>): AsyncIterable<unknown> {
  return { [Symbol.asyncIterator]: () => ({ next: () => events.next() }) }
}

function memoryHandle(): { readonly backend: Backend } & AsyncDisposable {
  const backend = memory()
  return { backend, [Symbol.asyncDispose]: () => backend.close() }
}
