import { readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Backend } from '../../src/backends/backend.ts'
import type { Settlement } from '../../src/backends/broker.ts'
import { openPayloads } from '../../src/backends/payloads/open-payloads.ts'
import type { PayloadStore } from '../../src/backends/payloads/payload-store.ts'
import { openBackend } from '../../src/backends/registry.ts'
import type { Client } from '../../src/client/client.ts'
import { type ConnectOptions, connect } from '../../src/client/connect.ts'
import { systemClock } from '../../src/kernel/clock.ts'
import { ClosedError, JobNotKeptError, PayloadMissingError, PayloadTooLargeError } from '../../src/kernel/errors.ts'
import { type LogFields, lineLogger } from '../../src/kernel/logger.ts'
import { type WorkerOptions, startWorker } from '../../src/worker/start-worker.ts'
import type { Worker } from '../../src/worker/worker.ts'
import { call } from '../../src/tasks/task-call.ts'
import { referenceTo } from '../../src/wire/claim-check.ts'
import { encode } from '../../src/wire/codec.ts'
import { sealEnvelope } from '../../src/wire/envelope.ts'
import * as tasks from '../fixtures/values/tasks.ts'
import { SmallDisk, testWithDisk } from '../support/small-disk.ts'
import { overlaid } from '../support/overlaid.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

const mebibyte = 2 ** 20
/** Arguments and results of it are over the limit. */
const large = { bytes: new Uint8Array(mebibyte).fill(7), date: new Date(5) }
const { fromParent, onLoop } = tasks
/** Its retry comes at once. */
const again = onLoop.with({ retry: { limit: 1, initial: 0 } })

let folder: ReturnType<typeof temporaryFolder>
let payloads: string
let stack: AsyncDisposableStack
let log: LogFields[]

beforeEach(() => {
  folder = temporaryFolder()
  payloads = join(folder.path, 'payloads')
  stack = new AsyncDisposableStack()
  stack.defer(() => folder[Symbol.dispose]())
  log = []
})

afterEach(() => stack.disposeAsync())

async function opened(kind = 'memory'): Promise<Backend> {
  const backend = await openBackend(kind === 'memory' ? 'memory:' : `sqlite:${join(folder.path, 'jobs.db')}`)
  stack.defer(() => backend.close())
  return backend
}

async function connected(backend: Backend, options: ConnectOptions = {}): Promise<Client> {
  return stack.use(await connect(backend, { tasks, payloads, ...options }))
}

async function working(backend: Backend, options: Partial<WorkerOptions> = {}): Promise<Worker> {
  const worker = await startWorker(backend, { tasks, threads: 1, blocking: 1, processes: 1, payloads, log: lineLogger('debug', (line) => log.push(line)), ...options })
  stack.defer(() => worker.close({ deadline: 0 }))
  return worker
}

const files = (): string[] => readdirSync(payloads).sort()

describe.each(['memory', 'sqlite'])('payloads beside %s', (kind) => {
  test('what is too large for a message arrives the same at every place, and so does its result', async () => {
    const backend = await opened(kind)
    const queue = await connected(backend)
    await working(backend)
    const { onThread, onBlocking, inProcess } = tasks
    const jobs = await Promise.all([onThread, onBlocking, inProcess, onLoop].map((task) => queue.enqueue(task, large)))
    for (const job of jobs) {
      expect(await job.result()).toEqual(large)
      expect((await job.read()).result).toEqual(large)
    }
    expect(files()).toEqual(jobs.flatMap(({ id }) => [`${id}.1.result`, `${id}.args`]).sort())
    // Neither the message nor the row holds them.
    for (const job of await backend.read(jobs.map(({ id }) => id))) expect(job!.result!.length).toBeLessThan(100)
    expect((await queue.list()).map(({ state, result }) => [state, result])).toEqual(jobs.map(() => ['succeeded', undefined]))
  })

  test('many at once, small ones among them, are kept together and purged with all that is kept of them', async () => {
    const backend = await opened(kind)
    const queue = await connected(backend, { payloadLimit: 1_000 })
    await working(backend)
    const jobs = await queue.enqueueMany(onLoop, Array.from({ length: 20 }, (_, at) => ['x'.repeat(at * 100)]))
    expect((await Promise.all(jobs.map((job) => job.result()))).map((text) => (text as string).length)).toEqual(jobs.map((_, at) => at * 100))
    const left = await queue.enqueue(onLoop.with({ delay: '1h' }), large)
    expect(files()).toHaveLength(11)
    expect(await queue.purge({ states: ['succeeded'], olderThan: 0 })).toBe(20)
    expect(files()).toEqual([`${left.id}.args`])
  })

  test('large arguments that were mended are told until their job is purged', async () => {
    const backend = await opened(kind)
    const queue = await connected(backend)
    const job = await queue.enqueue(onLoop, large)
    await job.cancel()
    expect(await queue.retry(job.id, { args: ['mended'] })).toBe('ready')
    expect(await job.story()).toMatchObject({ args: ['mended'], originalArgs: [large] })
    await working(backend)
    expect(await job.result()).toBe('mended')
    expect((await job.story()).originalArgs).toEqual([large])
    await queue.purge({ states: ['succeeded'], olderThan: 0 })
    expect(files()).toEqual([])
  })

  test('a large result stays as long as a linked job needs it, though its job is to be purged', async () => {
    const backend = await opened(kind)
    const queue = await connected(backend)
    await working(backend)
    await queue.pause({ task: 'fromParent' })
    const job = await queue.enqueue(onLoop.with({ link: call(fromParent.with({ tags: ['linked'] })) }), large)
    expect(await job.result()).toEqual(large)
    const [linked] = await queue.list({ tag: 'linked' })
    expect(await queue.purge({ states: ['succeeded'], olderThan: 0 })).toBe(0)
    await queue.resume({ task: 'fromParent' })
    expect(await queue.job(linked!.id).result()).toEqual(large.date)
    expect(await queue.purge({ states: ['succeeded'], olderThan: 0 })).toBe(2)
    expect(files()).toEqual([])
  })

  test('a large argument that waits survives a retry and is fetched again', async () => {
    const backend = await opened(kind)
    const queue = await connected(backend)
    const waits = await queue.enqueue(onLoop.with({ delay: '1h' }), large)
    await waits.cancel()
    expect(await queue.retry(waits.id)).toBe('ready')
    await working(backend)
    expect(await waits.result()).toEqual(large)
  })

  test('without a store, what is too large is refused at once, and the refusal says how to have one', async () => {
    const queue = await connect(await opened(kind), { tasks })
    stack.use(queue)
    await expect(queue.enqueue(onLoop, large)).rejects.toThrow(PayloadTooLargeError)
    await expect(queue.enqueue(onLoop, large)).rejects.toThrow("{ payloads: './payloads' }")
    expect(await queue.list()).toEqual([])
  })

  test('a worker without a store hands the job back uncharged and says so; a client without one hears how to get it', async () => {
    const backend = await opened(kind)
    const queue = await connected(backend)
    const bare = await working(backend, { payloads: undefined as never })
    const job = await queue.enqueue(onLoop, large)
    await until(async () => (await job.state()) === 'scheduled')
    expect(await job.read()).toMatchObject({ attempt: 0, token: 1, error: { code: 'PAYLOAD_MISSING' } })
    expect(log.some(({ code, msg }) => code === 'PAYLOAD_MISSING' && String(msg).includes('payloads'))).toBe(true)
    await bare.close({ deadline: 0 })
    await working(backend)
    const other = await queue.enqueue(onLoop, large)
    await other.result()
    const without = stack.use(await connect(backend, { tasks })).job(other.id)
    await expect(without.result()).rejects.toThrow(PayloadMissingError)
    await expect(without.read()).rejects.toMatchObject({ code: 'PAYLOAD_MISSING', message: expect.stringContaining('none is configured here') as string })
    expect(await without.state()).toBe('succeeded')
  })

  test('arguments that are gone or were changed fail each attempt, as its retries say; once put back, the job runs', async () => {
    const backend = await opened(kind)
    const queue = await connected(backend)
    const delayed = again.with({ delay: '1h' })
    const [gone, changed] = [await queue.enqueue(delayed, large), await queue.enqueue(delayed, large)]
    const store = (await openPayloads(payloads))!
    const args = (await store.get(`${gone.id}.args`))!
    await store.forget([gone.id])
    const tampered = Uint8Array.from(args)
    tampered[1_000]! ^= 1
    writeFileSync(join(payloads, `${changed.id}.args`), tampered)
    await queue.cancelAll({})
    await queue.retryAll({ state: 'cancelled' })
    await working(backend)
    await expect(gone.result()).rejects.toMatchObject({ code: 'PAYLOAD_MISSING', message: expect.stringContaining('it is not there') as string })
    await expect(changed.result()).rejects.toMatchObject({ code: 'PAYLOAD_MISSING', message: expect.stringContaining('not what was put there') as string })
    for (const job of [gone, changed]) expect(await job.read()).toMatchObject({ state: 'failed', attempt: 2 })
    for (const job of [gone, changed]) await store.put(`${job.id}.args`, args)
    expect(await queue.retryAll({ state: 'failed' })).toBe(2)
    for (const job of [gone, changed]) expect(await job.result()).toEqual(large)
  })

  test('a result that is gone or was changed is said to be', async () => {
    const backend = await opened(kind)
    const queue = await connected(backend)
    await working(backend)
    const job = await queue.enqueue(onLoop, large)
    await job.result()
    const name = join(payloads, `${job.id}.1.result`)
    writeFileSync(name, readFileSync(name).subarray(1))
    await expect(job.result()).rejects.toMatchObject({ code: 'PAYLOAD_MISSING', message: expect.stringContaining('not what was put there') as string })
    await (await openPayloads(payloads))!.forget([job.id])
    await expect(job.result()).rejects.toMatchObject({ code: 'PAYLOAD_MISSING', message: expect.stringContaining('it is not there') as string })
    expect(await job.state()).toBe('succeeded')
  })

  test('no message names a file: a job whose id leads out of the folder is set aside, and what it leads to is not read', async () => {
    const backend = await opened(kind)
    const queue = await connected(backend)
    const args = encode(['secret'])
    writeFileSync(join(folder.path, 'secret.args'), args)
    const payload = sealEnvelope({}, await referenceTo(args))
    await backend.publish([{ id: '../secret', task: 'onLoop', queue: 'default', place: 'loop', priority: 0, payload, delay: 0, expires: Infinity, tags: [] }])
    await working(backend)
    await expect(queue.job('../secret').result()).rejects.toMatchObject({ code: 'JOB_DEAD', cause: { code: 'MALFORMED_MESSAGE' } })
    await queue.purge({ states: ['dead'], olderThan: 0 })
    expect(readdirSync(folder.path)).toContain('secret.args')
  })

  test('a publish that fails leaves nothing, and one that nobody can say failed leaves what its job needs', async () => {
    const backend = await opened(kind)
    const refusing = overlaid(backend, { publish: () => Promise.reject(new Error('no room')) })
    await expect((await connected(refusing)).enqueueMany(onLoop, [[large], [1], [large]])).rejects.toThrow('no room')
    expect(files()).toEqual([])
    const mute = overlaid(backend, {
      async publish(jobs) {
        await backend.publish(jobs)
        throw new Error('no answer')
      }
    })
    await expect((await connected(mute)).enqueue(onLoop, large)).rejects.toThrow('no answer')
    await working(backend)
    const queue = await connected(backend)
    const [kept] = await queue.list()
    expect(await queue.job(kept!.id).result()).toEqual(large)
  })

  test('a payload that cannot be put leaves nothing of its batch', async () => {
    const backend = await opened(kind)
    const store = (await openPayloads(payloads))!
    let puts = 0
    const failing: PayloadStore = overlaid(store, { put: (name, bytes) => ++puts === 3 ? Promise.reject(new Error('out of reach')) : store.put(name, bytes) })
    const queue = await connected(backend, { payloads: failing })
    await expect(queue.enqueueMany(onLoop, [[large], [large], [large], [large]])).rejects.toThrow('out of reach')
    expect(files()).toEqual([])
    expect(await queue.list()).toEqual([])
  })

  test('a result that comes too late is refused and removed; the later one stays', async () => {
    const backend = await opened(kind)
    const { gated, entered, open } = await gate()
    const worker = await working(backend, { payloads: gated })
    const job = await (await connected(backend)).enqueue(onLoop, large)
    await entered
    await backend.leave(worker.id)
    await until(async () => (await job.read()).token === 2)
    open()
    expect(await job.result()).toEqual(large)
    // It may still be on its way to its folder.
    await until(async () => !files().some((name) => name.startsWith(`${job.id}.1.`)))
    await worker.close({ deadline: 0 })
    await until(async () => files().length === 2)
    expect(files()).toEqual([`${job.id}.2.result`, `${job.id}.args`])
    expect(await job.result()).toEqual(large)
  })

  test('a result whose acceptance was not heard of stays, though it is refused the second time', async () => {
    const backend = await opened(kind)
    let lost = 0
    const forgetful = overlaid(backend, {
      async settle(settlements: readonly Settlement[], next) {
        const settled = await backend.settle(settlements, next)
        if (lost++ === 0) throw new Error('the answer was lost')
        return settled
      }
    })
    const worker = await working(forgetful)
    const job = await (await connected(backend)).enqueue(onLoop, large)
    await until(async () => log.some(({ code }) => code === 'STALE_ATTEMPT'))
    await worker.close({ deadline: 0 })
    expect(await job.result()).toEqual(large)
  })

  test('a drain waits for a result that is on its way to the store', async () => {
    const backend = await opened(kind)
    const { gated, entered, open } = await gate()
    const worker = await working(backend, { payloads: gated })
    const job = await (await connected(backend)).enqueue(onLoop, large)
    await entered
    const closing = worker.close({ deadline: 0 })
    // Were it not waited for, the worker would be gone by then; it gives up after a second.
    await Promise.race([closing, systemClock.sleep(200)])
    open()
    await closing
    expect(await job.read()).toMatchObject({ state: 'succeeded', result: large })
  })

  testWithDisk('a full disk: the call or the attempt is refused with what to do, and nothing is half kept', async () => {
    using disk = new SmallDisk(3_072)
    payloads = join(disk.path, 'payloads')
    const backend = await opened(kind)
    const queue = await connected(backend)
    await expect(queue.enqueue(onLoop, new Uint8Array(4 * mebibyte))).rejects.toMatchObject({ code: 'BACKEND_FAILED', message: expect.stringContaining('the disk is full') as string })
    expect(files()).toEqual([])
    expect(await queue.list()).toEqual([])
    // The arguments have room, the result has none beside them.
    const job = await queue.enqueue(again, new Uint8Array(1.7 * mebibyte))
    const worker = await working(backend)
    await expect(job.result()).rejects.toMatchObject({ code: 'BACKEND_FAILED', message: expect.stringContaining('the disk is full') as string })
    expect((await job.read()).attempt).toBe(2)
    expect(files()).toEqual([`${job.id}.args`])
    disk.remount('size=8192k')
    await queue.retry(job.id)
    expect(await job.result()).toHaveLength(Math.floor(1.7 * mebibyte))
    await worker.close({ deadline: 0 })
  })
})

test('a client that closes first keeps what was enqueued', async () => {
  const { gated, entered, open } = await gate()
  // A backend of its own, which it closes.
  const queue = await connect(`sqlite:${join(folder.path, 'jobs.db')}`, { tasks, payloads: gated })
  const enqueued = queue.enqueue(onLoop, large)
  await entered
  const closing = queue.close()
  await expect(queue.enqueue(onLoop, large)).rejects.toThrow(ClosedError)
  open()
  const job = await enqueued
  await closing
  expect(await (await opened('sqlite')).read([job.id])).toMatchObject([{ state: 'ready' }])
})

test('a call that middleware did not let through puts nothing', async () => {
  const queue = await connected(await opened(), { middleware: [{ enqueue: () => Promise.resolve() }] })
  await expect(queue.enqueue(onLoop, large)).rejects.toThrow(JobNotKeptError)
  expect(files()).toEqual([])
})

/** A store whose first put waits: `entered` resolves once it does. */
async function gate(): Promise<{ gated: PayloadStore, entered: Promise<void>, open: () => void }> {
  const store = (await openPayloads(payloads))!
  const entered = Promise.withResolvers<void>()
  const opening = Promise.withResolvers<void>()
  let puts = 0
  const gated = overlaid(store, {
    async put(name, bytes) {
      if (puts++ === 0) {
        entered.resolve()
        await opening.promise
      }
      await store.put(name, bytes)
    }
  })
  return { gated, entered: entered.promise, open: opening.resolve }
}

/** Looks again at each turn of the loop. */
async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!await holds()) await systemClock.sleep(1)
}
