import { expect, test as anyTest } from 'vitest'
import type { Reservation, ReserveRequest, Settled, Settlement } from '../../src/backends/broker.ts'
import { openBackend } from '../../src/backends/registry.ts'
import type { Client } from '../../src/client/client.ts'
import { connect } from '../../src/client/connect.ts'
import { startWorker } from '../../src/worker/start-worker.ts'
import type { Worker } from '../../src/worker/worker.ts'
import * as tasks from '../fixtures/queue/tasks.ts'
import { overlaid } from '../support/overlaid.ts'
import { RedisServer } from '../support/redis-server.ts'
import { testWithRedis } from '../support/requirements.ts'

const test: typeof anyTest = testWithRedis()

test('an idle worker is handed jobs one after another, also after the connection by which it is was made again; not while it is paused', async () => {
  await using server = await RedisServer.start()
  await using queue = await connect(server.url, { tasks })
  await using worker = await startWorker(server.url, { tasks, threads: 1 })
  const isWaiting = (): Promise<void> => waiting(server, 1)
  for (let round = 0; round < 3; round++) {
    await isWaiting()
    await server.say('CONFIG RESETSTAT')
    expect(await (await queue.enqueue(tasks.add, round, 2)).result()).toBe(round + 2)
    await isWaiting()
    // It was looked for who waits once: with one call it was published.
    expect(Number(/cmdstat_hrandfield:calls=(\d+)/.exec(await server.say('INFO commandstats'))?.[1])).toBe(1)
    if (round === 1) {
      await server.say('CLIENT KILL TYPE pubsub')
      await expect.poll(() => server.say(`PUBSUB NUMSUB treadle:1:handed:0:${worker.id}`)).toMatch(/:1\r\n$/)
    }
  }
  worker.pause()
  await waiting(server, 0)
  const job = await queue.enqueue(tasks.add, 1, 2)
  expect(await job.state()).toBe('ready')
  worker.resume()
  expect(await job.result()).toBe(3)
})

/** Until so many workers wait to be handed a job, as the server knows it. */
async function waiting(server: RedisServer, workers: number): Promise<void> {
  await expect.poll(() => server.say('HLEN treadle:1:idle')).toBe(`:${workers}\r\n`)
}

/** A worker that waits to be handed a job, and whose next exchange, once it is asked to be, is held up on its way to the server or back. */
interface Held extends AsyncDisposable {
  readonly server: RedisServer
  readonly queue: Client
  readonly worker: Worker
  /** Resolves when the exchange is on the way; it goes on, to its end, when what it resolves with is called. */
  hold(where: 'there' | 'back'): Promise<() => Promise<void>>
}

async function held(): Promise<Held> {
  const server = await RedisServer.start()
  const backend = await openBackend(server.url)
  const { promise: hears, resolve } = Promise.withResolvers<void>()
  backend.listen(['default'], resolve)
  await hears // else the worker looks once more when it does
  let next: { readonly where: 'there' | 'back', readonly begun: () => void, readonly go: Promise<void>, readonly done: () => void } | undefined
  const slowly = async <T>(exchange: () => Promise<T>): Promise<T> => {
    const now = next
    next = undefined
    const at = async (where: 'there' | 'back'): Promise<void> => {
      if (now?.where !== where) return
      now.begun()
      await now.go
    }
    await at('there')
    const answer = await exchange()
    await at('back')
    now?.done()
    return answer
  }
  const slow = overlaid(backend, {
    reserve: (request: ReserveRequest): Promise<Reservation> => slowly(() => backend.reserve(request)),
    settle: (settlements: readonly Settlement[], request?: ReserveRequest): Promise<Settled> => slowly(() => backend.settle(settlements, request))
  })
  const queue = await connect(server.url, { tasks })
  const worker = await startWorker(slow, { tasks, threads: 1, loopConcurrency: 1 })
  await waiting(server, 1)
  return {
    server, queue, worker,
    async hold(where) {
      const [begun, go, done] = [Promise.withResolvers<void>(), Promise.withResolvers<void>(), Promise.withResolvers<void>()]
      next = { where, begun: begun.resolve, go: go.promise, done: done.resolve }
      // It looks: there is nothing yet.
      await queue.enqueue(tasks.giveBack.with({ delay: '1h' }), 0)
      await begun.promise
      return () => {
        go.resolve()
        return done.promise
      }
    },
    async [Symbol.asyncDispose]() {
      await worker.close({ deadline: 0 })
      await queue.close()
      await backend.close()
      await server[Symbol.asyncDispose]()
    }
  }
}

test('a worker that is paused while it begins to wait is handed nothing', async () => {
  await using open = await held()
  const goOn = await open.hold('back')
  open.worker.pause()
  await goOn()
  await waiting(open.server, 0)
  expect(await (await open.queue.enqueue(tasks.add, 1, 2)).state()).toBe('ready')
})

test('a worker that is handed a job while it begins to wait does not wait then', async () => {
  await using open = await held()
  const goOn = await open.hold('there')
  const long = await open.queue.enqueue(tasks.waitForAbort)
  await expect.poll(() => open.worker.active).toBe(1)
  await goOn()
  await waiting(open.server, 0)
  const next = await open.queue.enqueue(tasks.waitForAbort)
  expect(await next.state()).toBe('ready')
  await long.cancel()
  await expect.poll(() => next.state()).toBe('active')
  await next.cancel()
  await waiting(open.server, 1)
})

test('what a worker takes while it is handed a job, and has no room for, goes back', async () => {
  await using open = await held()
  const goOn = await open.hold('there')
  const long = await open.queue.enqueue(tasks.waitForAbort)
  await expect.poll(() => open.worker.active).toBe(1)
  const next = await open.queue.enqueue(tasks.waitForAbort)
  await goOn()
  await expect.poll(async () => (await next.story()).history.map(({ event }) => event)).toEqual(['publish', 'release'])
  expect(open.worker.active).toBe(1)
  await long.cancel()
  await expect.poll(() => next.state()).toBe('active')
  await next.cancel()
})

test('a job that is handed to a worker that closes runs, or goes to others uncharged', async () => {
  await using open = await held()
  const closing = open.worker.close()
  const job = await open.queue.enqueue(tasks.add, 1, 2)
  await closing
  const state = await job.state()
  expect(['ready', 'succeeded']).toContain(state)
  await using _ = await startWorker(open.server.url, { tasks, threads: 1 })
  expect(await job.result()).toBe(3)
  expect((await job.story()).history.at(-1)).toMatchObject({ event: 'succeed', attempt: 1 })
})
