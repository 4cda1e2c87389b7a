import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import type { Backend } from '../../src/backends/backend.ts'
import { memory } from '../../src/backends/memory/memory-backend.ts'
import { redis } from '../../src/backends/redis/redis-backend.ts'
import { sqlite } from '../../src/backends/sqlite/sqlite-backend.ts'
import { connectShared } from '../../src/client/shared/connect-shared.ts'
import { CancelScope } from '../../src/concurrency/cancel-scope.ts'
import { Event } from '../../src/concurrency/event.ts'
import type { Permit } from '../../src/concurrency/permit.ts'
import { listen } from '../../src/concurrency/processes/listen.ts'
import { connectEvent, connectSemaphore } from '../../src/concurrency/remote/connect.ts'
import { Semaphore } from '../../src/concurrency/semaphore.ts'
import type { WaitOptions } from '../../src/concurrency/suspend.ts'
import { serve } from '../../src/concurrency/threads/serve.ts'
import { RedisServer } from '../support/redis-server.ts'
import { testWithRedis } from '../support/requirements.ts'
import { sharedFolder } from '../support/temporary-folder.ts'

/** What code needs of a lock, a semaphore or an event that may be of any reach. */
interface AnySemaphore {
  acquire(options?: WaitOptions): Promise<Permit>
  run<T>(fn: () => T, options?: WaitOptions): Promise<Awaited<T>>
}

interface AnyEvent {
  readonly isSet: boolean
  set(): void | Promise<void>
  wait(options?: WaitOptions): Promise<void>
}

interface Reach {
  readonly test: typeof test
  semaphore(limit: number): Promise<AnySemaphore>
  event(): Promise<AnyEvent>
}

const open = new AsyncDisposableStack()
afterAll(() => open.disposeAsync())
const path = join(sharedFolder(), 'coordination.db')
let made = 0

function through(backend: () => Promise<Backend>, own = test): Reach {
  const shared = async () => open.use(await connectShared(open.adopt(await backend(), (one) => one.close())))
  return {
    test: own,
    semaphore: async (limit) => (await shared()).semaphore(`name-${++made}`, limit),
    event: async () => (await shared()).event(`name-${++made}`)
  }
}

const reaches: Readonly<Record<string, Reach>> = {
  'within a thread': { test, semaphore: async (limit) => new Semaphore(limit), event: async () => new Event() },
  'between threads': { test, semaphore: async (limit) => open.use(connectSemaphore(serve(new Semaphore(limit)))), event: async () => open.use(connectEvent(serve(new Event()))) },
  'between processes': {
    test,
    semaphore: async (limit) => open.use(connectSemaphore(open.use(await listen(new Semaphore(limit))).address)),
    event: async () => open.use(connectEvent(open.use(await listen(new Event())).address))
  },
  'in memory': through(async () => memory()),
  'in a SQLite file': through(() => sqlite(path)),
  'in Redis': through(async () => redis(open.use(await RedisServer.start()).url), testWithRedis())
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

describe.each(Object.entries(reaches))('the same code coordinates %s', (_, reach) => {
  reach.test('as many hold a semaphore as it says, in the order of asking', async () => {
    const semaphore = await reach.semaphore(2)
    const order: number[] = []
    let inside = 0
    let most = 0
    await Promise.all(Array.from({ length: 20 }, (_, index) => semaphore.run(async () => {
      order.push(index)
      most = Math.max(most, ++inside)
      await turn()
      inside--
    })))
    expect(order).toEqual(Array.from({ length: 20 }, (_, index) => index))
    expect([most, inside]).toEqual([2, 0])
  })

  reach.test('what is run gives its result, or throws, and gives the permit back', async () => {
    const lock = await reach.semaphore(1)
    expect(await lock.run(async () => 42)).toBe(42)
    await expect(lock.run(() => { throw new RangeError('mine') })).rejects.toThrow('mine')
    using permit = await lock.acquire()
    permit.release()
    permit.release()
    using _again = await lock.acquire({ timeout: '5s' })
    await expect(lock.acquire({ timeout: 1 })).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' })
  })

  reach.test('who gives up waits no longer, however it does, and takes nothing with it', async () => {
    const lock = await reach.semaphore(1)
    const held = await lock.acquire()
    const scope = new CancelScope()
    const cancelled = scope.run(() => lock.acquire())
    const controller = new AbortController()
    const aborted = lock.acquire({ signal: controller.signal })
    const next = lock.acquire()
    await turn()
    scope.cancel()
    controller.abort(new RangeError('enough'))
    await expect(aborted).rejects.toThrow('enough')
    expect([await cancelled, scope.cancelledCaught]).toEqual([undefined, true])
    held.release()
    using _next = await next
  })

  reach.test('an event that is set lets all go on who wait for it', async () => {
    const event = await reach.event()
    expect(event.isSet).toBe(false)
    await expect(event.wait({ timeout: 1 })).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' })
    const waiting = Promise.all([event.wait(), event.wait({ timeout: '10s' })])
    await event.set()
    await waiting
    await event.wait()
    expect(event.isSet).toBe(true)
  })
})
