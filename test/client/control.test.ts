import { join } from 'node:path'
import { afterAll, afterEach, beforeEach, describe, expect } from 'vitest'
import type { Backend } from '../../src/backends/backend.ts'
import { controlTopic } from '../../src/backends/control.ts'
import { memory } from '../../src/backends/memory/memory-backend.ts'
import { openBackend } from '../../src/backends/registry.ts'
import type { Client } from '../../src/client/client.ts'
import { connect } from '../../src/client/connect.ts'
import { systemClock } from '../../src/kernel/clock.ts'
import { type LogFields, lineLogger } from '../../src/kernel/logger.ts'
import { type WorkerOptions, startWorker } from '../../src/worker/start-worker.ts'
import type { Worker } from '../../src/worker/worker.ts'
import * as tasks from '../fixtures/queue/tasks.ts'
import { RedisServer } from '../support/redis-server.ts'
import { testWithRedis } from '../support/requirements.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

const test = testWithRedis()

let server: Promise<RedisServer> | undefined
let places = 0
afterAll(async () => (await server)?.[Symbol.asyncDispose]())

describe.each(['memory', 'sqlite', 'redis'])('remote control on %s', (kind) => {
  let folder: ReturnType<typeof temporaryFolder>
  let opened: AsyncDisposableStack
  let where: string | Backend
  let queue: Client
  let one: Worker
  let other: Worker
  let log: LogFields[]

  const start = async (options: Partial<WorkerOptions> = {}): Promise<Worker> => {
    const worker = await startWorker(where, { tasks, threads: 1, control: true, lease: '1s', ...options })
    opened.defer(() => worker.close({ deadline: 0 }))
    return worker
  }

  beforeEach(async () => {
    folder = temporaryFolder()
    opened = new AsyncDisposableStack()
    log = []
    where = kind === 'memory' ? opened.adopt(memory(), (backend) => backend.close())
      : kind === 'sqlite' ? `sqlite:${join(folder.path, 'jobs.db')}` : `${(await (server ??= RedisServer.start())).url}?prefix=control-${++places}`
    queue = opened.use(await connect(where, { tasks }))
    one = await start({ log: lineLogger('debug', (line) => log.push(line)) })
    other = await start({ loopConcurrency: 2 })
  })
  afterEach(async () => {
    await opened.disposeAsync()
    folder[Symbol.dispose]()
  })

  test('all that obey answer, or those that are named', async () => {
    const silent = await start({ control: false })
    const alive = { paused: false, closing: false }
    expect(new Map(await queue.control.ping({ timeout: '10s' }))).toEqual(new Map([[one.id, alive], [other.id, alive]]))
    expect([...(await queue.control.ping({ workers: [other.id], timeout: '10s' })).keys()]).toEqual([other.id])
    expect((await queue.control.shutdown({ workers: [silent.id] })).size).toBe(0)
    expect(silent.closing).toBe(false)
  })

  test('what a worker runs, holds and has done is told', async () => {
    expect((await queue.control.registered()).get(one.id)).toContainEqual({ name: 'add', aliases: [], version: 1, runs: 'thread' })
    await (await queue.enqueue(tasks.add, 1, 2)).result()
    await one.close()
    const job = await queue.enqueue(tasks.sleep, 600_000)
    while (await job.state() !== 'active') await systemClock.sleep(5)
    const held = (await queue.control.active()).get(other.id)!
    expect(held).toMatchObject([{ job: job.id, task: 'sleep', attempt: 1, token: 1 }])
    expect(held[0]!.held).toBeGreaterThan(0)
    expect((await queue.control.reserved()).get(other.id)).toEqual([])
    const report = (await queue.control.stats()).get(other.id)!
    expect(report).toMatchObject({ ready: true, active: 1, reserved: 0, concurrency: { thread: 1, loop: 2 }, queues: ['default'], ignored: 0 })
    expect(report.memory).toBeGreaterThan(1e6)
  })

  test('a paused worker takes no jobs until it goes on, and hears of cancels', async () => {
    await other.close()
    const running = await queue.enqueue(tasks.waitForAbort)
    while (await running.state() !== 'active') await systemClock.sleep(5)
    expect((await queue.control.pause()).get(one.id)).toEqual({ paused: true })
    expect(one.health()).toMatchObject({ ready: false, reasons: ['it was told to pause'] })
    const waiting = await queue.enqueue(tasks.greet, 'you')
    await running.cancel()
    await expect(running.result()).rejects.toMatchObject({ code: 'CANCELLED' })
    expect(await waiting.state()).toBe('ready')
    expect((await queue.control.resume()).get(one.id)).toEqual({ paused: false })
    expect(await waiting.result()).toBe('hello you')
  })

  test('how many calls run at once goes up and down', async () => {
    await one.close()
    expect((await queue.control.concurrency({ threads: { by: 2 }, loop: 5, processes: 1 })).get(other.id)).toEqual({ thread: 3, loop: 5, process: 1 })
    const jobs = await queue.enqueueMany(tasks.waitForAbort, Array.from({ length: 8 }, () => []))
    while ((await queue.control.active()).get(other.id)!.length < 5) await systemClock.sleep(5)
    expect((await queue.control.stats()).get(other.id)).toMatchObject({ active: 5 })
    for (const job of jobs) await job.cancel()
    expect((await queue.control.concurrency({ threads: { by: -10 }, loop: { by: -2 } })).get(other.id)).toEqual({ thread: 1, loop: 3 })
    expect(other.capacity.get('loop')).toBe(3)
  })

  test('a worker ends when it is told to', async () => {
    const events = queue.events({ types: ['worker-offline'] })
    await events.ready
    expect((await queue.control.shutdown({ workers: [one.id], deadline: 0 })).get(one.id)).toEqual({ closing: true })
    await one.ended
    expect((await events.next()).value).toMatchObject({ worker: one.id, lost: false })
    expect((await queue.control.ping()).has(other.id)).toBe(true)
    await events.return()
  })

  test('what is not understood is ignored, counted, and said once', async () => {
    const bus = typeof where === 'string' ? opened.adopt(await openBackend(where), (backend) => backend.close()) : where
    const asker = 'somebody'
    const messages = [
      'not json', '[]', 'null', '{}', JSON.stringify({ asker, command: 'reboot' }), JSON.stringify({ asker: 'events:x', command: 'ping' }),
      JSON.stringify({ asker, command: 'ping', workers: 'all' }), JSON.stringify({ asker, command: 'shutdown', deadline: '0' }),
      JSON.stringify({ asker, command: 'concurrency', changes: { thread: { to: 0 } } }), JSON.stringify({ asker, command: 'concurrency', changes: { __proto__: 1, moon: { to: 1 } } }),
      JSON.stringify({ asker, command: 'ping', workers: ['x'.repeat(70_000)] })
    ]
    for (const message of messages) await bus.post(controlTopic, message)
    expect((await queue.control.stats({ workers: [one.id], timeout: '10s' })).get(one.id)).toMatchObject({ ignored: messages.length, paused: false })
    expect(one.closing).toBe(false)
    expect(log.filter(({ msg }) => String(msg).startsWith('a message to remote control was not understood'))).toHaveLength(1)
  })
})

test('what cannot be asked for is refused', async () => {
  const backend = memory()
  const { control } = await connect(backend)
  expect(() => control.concurrency({})).toThrow(/at least one of threads, loop/)
  expect(() => control.concurrency({ threads: 0 })).toThrow(/whole number, 1 or more/)
  expect(() => control.concurrency({ threads: { by: 0.5 } })).toThrow(/whole number/)
  await expect(control.ping({ workers: [] })).rejects.toThrow(/a list of ids/)
  await expect(control.ping({ wait: 1 } as never)).rejects.toThrow(/these options/)
  await expect(startWorker(backend, { tasks, control: 'yes' as never })).rejects.toThrow(/true or false/)
  await backend.close()
})
