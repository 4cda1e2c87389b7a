import { fork } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { createConnection } from 'node:net'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { CancelScope } from '../../src/concurrency/cancel-scope.ts'
import { PriorityQueue } from '../../src/concurrency/priority-queue.ts'
import { Queue, type QueueLike, type QueueOptions } from '../../src/concurrency/queue.ts'
import { checkpoint, sleep } from '../../src/concurrency/sleep.ts'
import { taskGroup } from '../../src/concurrency/task-group.ts'
import { listen } from '../../src/concurrency/processes/listen.ts'
import { connectQueue } from '../../src/concurrency/remote/connect.ts'
import type { LinkEnd } from '../../src/concurrency/threads/port-link.ts'
import { serve } from '../../src/concurrency/threads/serve.ts'
import { moveOnAfter } from '../../src/concurrency/timeouts.ts'
import { DeadlineExceededError, InvalidOptionError, LinkLostError, QueueShutDownError } from '../../src/kernel/errors.ts'
import { waitAllBlocked } from '../../src/testing/index.ts'
import { child, thread } from './participants.ts'

interface Reach extends AsyncDisposable {
  /** What is used. */
  readonly queue: QueueLike<unknown>
  /** The queue itself. */
  readonly own: Queue<unknown>
}

const reaches: Readonly<Record<string, (options?: QueueOptions<unknown>) => Reach | Promise<Reach>>> = {
  'within a thread'(options) {
    const own = new Queue<unknown>(options)
    return { queue: own, own, [Symbol.asyncDispose]: async () => {} }
  },
  'between threads'(options) {
    const own = new Queue<unknown>(options)
    const queue = connectQueue<unknown>(serve(own))
    return { queue, own, [Symbol.asyncDispose]: async () => queue.close() }
  },
  async 'between processes'(options) {
    const own = new Queue<unknown>(options)
    const listener = await listen(own)
    const queue = connectQueue<unknown>(listener.address)
    return { queue, own, [Symbol.asyncDispose]: async () => { queue.close(); await listener.close() } }
  }
}

/** What structured clones keep as it is. */
function isSendable(value: unknown): boolean {
  try {
    expect(structuredClone(value)).toStrictEqual(value)
    return true
  } catch {
    return false
  }
}

// The law of all reaches.
describe.each(Object.entries(reaches))('a queue %s', (_, open) => {
  test('gives what was put, in order', async () => {
    await using reach = await open()
    const items = [1, 'two', { three: [3n] }, new Map([[4, new Date(4)]]), new Uint8Array([5]), undefined, null]
    await Promise.all(items.map((item) => reach.queue.put(item)))
    for (const item of items) expect(await reach.queue.get()).toEqual(item)
  })

  test('gives what is small and what is large, of every kind, equal and in order, however many are on the way', async () => {
    const any = fc.oneof(
      { weight: 6, arbitrary: fc.anything({ withBigInt: true, withDate: true, withMap: true, withSet: true, maxDepth: 2 }).filter(isSendable) },
      fc.nat({ max: 9_000 }).map((length) => 'ü'.repeat(length)),
      fc.nat({ max: 9_000 }).map((length) => new Uint8Array(length).fill(length % 251))
    )
    await fc.assert(fc.asyncProperty(fc.array(any, { minLength: 1, maxLength: 60 }), fc.integer({ min: 1, max: 9 }), async (items, times) => {
      await using reach = await open()
      const all = Array.from({ length: times }, () => items).flat()
      const putting = all.map((item) => reach.queue.put(item))
      const got = await Promise.all(all.map(() => reach.queue.get()))
      await Promise.all(putting)
      expect(got).toStrictEqual(all.map((item) => reach.queue === reach.own ? item : structuredClone(item)))
    }), { numRuns: 40 })
  })

  test('what holds the same thing does not hold the same when it arrives', async () => {
    await using reach = await open()
    const shared = { of: [new Date(1)] }
    await Promise.all([reach.queue.put(shared), reach.queue.put(shared), reach.queue.put([shared, shared])])
    const [one, two, both] = [await reach.queue.get(), await reach.queue.get(), await reach.queue.get() as unknown[]]
    expect(both[0]).toBe(both[1])
    if (reach.queue !== reach.own) expect(one).not.toBe(two)
  })

  test('who puts waits while it is full, who gets while it is empty, each in turn', async () => {
    await using reach = await open({ maxSize: 1 })
    const put: number[] = []
    await taskGroup(async (group) => {
      for (let item = 0; item < 3; item++) group.start(async () => { await reach.queue.put(item); put.push(item) })
      while (reach.own.statistics().putting < 2) await checkpoint()
      expect(reach.own.size).toBe(1)
      expect([await reach.queue.get(), await reach.queue.get(), await reach.queue.get()]).toEqual([0, 1, 2])
      const getting = [group.start(() => reach.queue.get()), group.start(() => reach.queue.get())]
      while (reach.own.statistics().getting < 2) await checkpoint()
      await reach.queue.put('a')
      await reach.queue.put('b')
      expect([await getting[0]!.result, await getting[1]!.result]).toEqual(['a', 'b'])
    })
    expect(put).toEqual([0, 1, 2])
  })

  test('who gives up has neither put nor taken anything', async () => {
    await using reach = await open({ maxSize: 1 })
    await expect(reach.queue.get({ timeout: 1 })).rejects.toThrow(DeadlineExceededError)
    await expect(reach.queue.get({ signal: AbortSignal.abort(new RangeError('enough')) })).rejects.toThrow('enough')
    await reach.queue.put(1)
    const scope = new CancelScope()
    const putting = scope.run(() => reach.queue.put(2))
    while (reach.own.statistics().putting < 1) await checkpoint()
    scope.cancel()
    expect([await putting, scope.cancelledCaught]).toEqual([undefined, true])
    expect(reach.own.statistics()).toMatchObject({ size: 1, putting: 0, getting: 0 })
    const cancelled = new CancelScope()
    cancelled.cancel()
    await cancelled.run(() => reach.queue.get())
    expect(reach.own.size).toBe(1)
  })

  test('a cancel that comes too late finds it done: nothing is lost', async () => {
    await using reach = await open()
    for (let round = 0; round < 50; round++) {
      const scope = new CancelScope()
      const getting = scope.run(() => reach.queue.get())
      for (let turn = 0; turn < round % 4; turn++) await new Promise((resolve) => setImmediate(resolve))
      reach.own.putNow(round)
      scope.cancel()
      const got = await getting
      expect(got ?? reach.own.getNow()).toBe(round)
    }
  })

  test('join waits until all is done; shut down, it gives what it holds, and then nothing', async () => {
    await using reach = await open()
    for (const item of [1, 2]) await reach.queue.put(item)
    await taskGroup(async (group) => {
      group.start(async () => { for await (const _item of reach.queue) await sleep(1) })
      await reach.queue.join()
      await reach.queue.put(3)
      await reach.queue.shutdown()
    })
    await expect(reach.queue.get()).rejects.toThrow(QueueShutDownError)
    await expect(reach.queue.put(4)).rejects.toThrow(QueueShutDownError)
  })

  test('shut down at once, it drops what it holds', async () => {
    await using reach = await open()
    await reach.queue.put(1)
    await reach.queue.shutdown({ immediate: true })
    await expect(reach.queue.get()).rejects.toThrow(QueueShutDownError)
    await reach.queue.join()
  })
})

describe('with real threads', { timeout: 60_000 }, () => {
  test('a thread that sleeps while it waits is woken by each item, and by the end', async () => {
    const queue = new Queue<number>()
    const getter = thread('getSync', queue)
    const said = once(getter, 'message') as Promise<[unknown]>
    while (queue.statistics().getting === 0) await sleep(1)
    for (let item = 0; item < 1_000; item++) {
      queue.putNow(item)
      if (item % 100 === 0) await sleep(1)
    }
    queue.shutdown()
    expect((await said)[0]).toEqual({ got: Array.from({ length: 1_000 }, (_, item) => item), code: 'QUEUE_SHUT_DOWN' })
  })

  test('getters that are killed at any moment take nothing with them that they had not been given', async () => {
    const queue = new Queue<number>()
    const said: number[] = []
    let lostAtMost = 0
    const total = 3_000
    for (let item = 0; item < total; item++) queue.putNow(item)
    for (let round = 0; said.length + lostAtMost < total && queue.size > 0; round++) {
      const getter = thread('tell', queue)
      getter.on('message', (word) => { if (typeof word === 'number') said.push(word) })
      await once(getter, 'message')
      for (let turn = 0; turn < round * 7 % 40; turn++) await new Promise((resolve) => setImmediate(resolve))
      if (round < 15) {
        await getter.terminate()
        lostAtMost++ // the one that it may just have been given
      } else {
        queue.shutdown()
        await once(getter, 'exit')
      }
    }
    await waitAllBlocked()
    expect(new Set(said).size).toBe(said.length)
    expect(said.length + queue.size).toBeGreaterThanOrEqual(total - lostAtMost)
  })

  test('a thread that is killed while it waits, or hangs, holds up nobody', async () => {
    const queue = new Queue<number>({ maxSize: 1 })
    const waiter = thread('wait', queue)
    await once(waiter, 'message')
    while (queue.statistics().getting === 0) await sleep(1)
    await waiter.terminate()
    while (queue.statistics().getting > 0) await sleep(1)
    // It gets what it has put itself, and computes without end with that in its hands.
    const hung = thread('hang', queue)
    await once(hung, 'message')
    await once(hung, 'message')
    queue.putNow(2)
    expect(await queue.get({ timeout: '5s' })).toBe(2)
    await hung.terminate()
    await waitAllBlocked()
    expect(queue.statistics()).toMatchObject({ size: 0, putting: 0, getting: 0 })
  })

  test('a thread that only ever sleeps for items sends on what it puts elsewhere', async () => {
    const [there, here] = [new Queue<number>(), new Queue<number>()]
    const [origin, back] = [serve(there), serve(here)]
    const relay = new Worker(new URL('../fixtures/concurrency/participant.ts', import.meta.url), { workerData: { does: 'relay', origin, back, count: 1_000 }, transferList: [origin.port, back.port] })
    for (let item = 0; item < 1_000; item++) {
      there.putNow(item)
      expect(await here.get({ timeout: '10s' })).toBe(item)
    }
    there.putNow(-1)
    await once(relay, 'exit')
  })

  test('a thread that sleeps for a queue whose thread was killed does not sleep longer than it said, and a moment', async () => {
    const owner = new Worker(new URL('../fixtures/concurrency/queue-holder.ts', import.meta.url))
    const [origin] = await once(owner, 'message') as [LinkEnd]
    const getter = new Worker(new URL('../fixtures/concurrency/participant.ts', import.meta.url), { workerData: { does: 'getSync', origin, from: 500 }, transferList: [origin.port] })
    const said = once(getter, 'message') as Promise<[unknown]>
    await once(getter, 'online')
    await owner.terminate()
    expect((await said)[0]).toEqual({ got: [], code: 'LINK_LOST' })
  })

  test('who waits for a queue whose thread has ended hears so', async () => {
    const end = serve(new Queue<number>())
    const remote = connectQueue<number>(end)
    const waiting = remote.get()
    remote.close()
    await expect(waiting).rejects.toThrow(LinkLostError)
    await expect(remote.put(1)).rejects.toThrow(LinkLostError)
  })

  test('what is moved is gone here; what cannot be sent fails alone', async () => {
    const own = new Queue<unknown>()
    using remote = connectQueue<unknown>(serve(own))
    const bytes = new Uint8Array(1_000)
    await remote.put(bytes, { transfer: [bytes.buffer] })
    expect(bytes.length).toBe(0)
    expect(((await own.get()) as Uint8Array).length).toBe(1_000)
    const [bad, good] = await Promise.allSettled([remote.put(() => {}), remote.put(7)])
    expect([bad.status, good.status]).toEqual(['rejected', 'fulfilled'])
    expect(await own.get()).toBe(7)
    // Put here, it cannot go there: it stays.
    own.putNow(() => {})
    await expect(remote.get()).rejects.toMatchObject({ code: 'INVALID_OPTION' })
    expect(own.size).toBe(1)
  })

  test('the order of the queue is that of its own thread', async () => {
    using remote = connectQueue<number>(serve(new PriorityQueue<number>()))
    for (const item of [3, 1, 2]) await remote.put(item)
    expect([await remote.get(), await remote.get(), await remote.get()]).toEqual([1, 2, 3])
    expect(await moveOnAfter(1, () => remote.get())).toBeUndefined()
  })
})

describe('with real processes', { timeout: 60_000 }, () => {
  test('a stranger who sends what means nothing is cut off; the others go on', async () => {
    const own = new Queue<number>()
    await using listener = await listen(own)
    using remote = connectQueue<number>(listener.address)
    for (const bytes of [Buffer.from([5, 0, 0, 0, 9, 255, 255, 255, 255]), Buffer.from('GET / HTTP/1.1\r\n\r\n'.repeat(10)), Buffer.alloc(64, 0xff), Buffer.from([1, 0, 0, 0, 0])]) {
      const stranger = createConnection(listener.address)
      stranger.on('error', () => {})
      stranger.write(bytes)
      if (bytes[0] === 0xff || bytes[0] === 71) stranger.end()
      await once(stranger, 'close')
    }
    await remote.put(1)
    expect(await own.get()).toBe(1)
  })

  test('where nobody listens that is said', async () => {
    await expect(connectQueue('/nowhere/at-all').get()).rejects.toMatchObject({ code: 'LINK_LOST', cause: { code: 'ENOENT' } })
  })

  test('who waits for the queue of a process that is killed hears so', async () => {
    const holder = fork(fileURLToPath(new URL('../fixtures/concurrency/queue-holder.ts', import.meta.url)))
    const [address] = await once(holder, 'message') as [string]
    using remote = connectQueue<number>(address)
    await remote.put(1)
    expect(await remote.get()).toBe(1)
    const waiting = remote.get()
    // Asked for after that, it is answered when that has been asked too.
    await remote.join({ timeout: 1 }).catch(() => {})
    holder.kill('SIGKILL')
    await expect(waiting).rejects.toThrow(LinkLostError)
    await expect(remote.put(2)).rejects.toThrow(LinkLostError)
  })

  test('nothing can be moved to another process', async () => {
    await using listener = await listen(new Queue<Uint8Array>())
    using remote = connectQueue<Uint8Array>(listener.address)
    const bytes = new Uint8Array(8)
    await expect(remote.put(bytes, { transfer: [bytes.buffer] })).rejects.toThrow(InvalidOptionError)
    expect(bytes.length).toBe(8)
  })

  test('a listener leaves nothing behind, and is closed once', async () => {
    const listener = await listen(new Queue())
    expect(existsSync(listener.address)).toBe(true)
    await Promise.all([listener.close(), listener.close()])
    expect(existsSync(dirname(listener.address))).toBe(false)
  })
  test('what has arrived when a listener closes is nowhere else; what waits there hears so', async () => {
    const own = new Queue<number>()
    for (let round = 0; round < 50; round++) {
      const listener = await listen(own)
      using remote = connectQueue<number>(listener.address)
      own.putNow(round)
      expect(await remote.get()).toBe(round)
      const waiting = remote.get()
      await Promise.all([listener.close(), expect(waiting).rejects.toThrow(LinkLostError)])
      expect(own.statistics()).toMatchObject({ size: 0, getting: 0 })
    }
  })

  test('a listener that closes does not wait for one that is stopped', async () => {
    const own = new Queue<number>()
    const listener = await listen(own)
    const stopped = child('wait', listener)
    while (own.statistics().getting === 0) await sleep(1)
    stopped.kill('SIGSTOP')
    await listener.close()
    expect(own.statistics().getting).toBe(0)
    stopped.kill('SIGKILL')
    await once(stopped, 'exit')
  })

  test('a program that exits without closing it leaves nothing behind either', async () => {
    const holder = fork(fileURLToPath(new URL('../fixtures/concurrency/queue-holder.ts', import.meta.url)))
    const [address] = await once(holder, 'message') as [string]
    expect(existsSync(address)).toBe(true)
    holder.disconnect()
    await once(holder, 'exit')
    expect(existsSync(dirname(address))).toBe(false)
  })
})
