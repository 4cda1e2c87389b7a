import { fork } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { createConnection } from 'node:net'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { describe, expect, test } from 'vitest'
import { PriorityQueue } from '../../src/concurrency/priority-queue.ts'
import { Queue } from '../../src/concurrency/queue.ts'
import { sleep } from '../../src/concurrency/sleep.ts'
import { listen } from '../../src/concurrency/processes/listen.ts'
import { connectQueue } from '../../src/concurrency/remote/connect.ts'
import type { LinkEnd } from '../../src/concurrency/threads/port-link.ts'
import { serve } from '../../src/concurrency/threads/serve.ts'
import { moveOnAfter } from '../../src/concurrency/timeouts.ts'
import { InvalidOptionError, LinkLostError } from '../../src/kernel/errors.ts'
import { waitAllBlocked } from '../../src/testing/index.ts'
import { child, thread } from './participants.ts'
import { type OpenReach, queueLaw } from './queue-law.ts'

const reaches: Readonly<Record<string, OpenReach>> = {
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

for (const [name, open] of Object.entries(reaches)) queueLaw(name, open)

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
