import { getEventListeners, once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { describe, expect, test } from 'vitest'
import { CancelScope } from '../../src/concurrency/cancel-scope.ts'
import { Event } from '../../src/concurrency/event.ts'
import { listen } from '../../src/concurrency/processes/listen.ts'
import { LifoQueue } from '../../src/concurrency/lifo-queue.ts'
import { PriorityQueue } from '../../src/concurrency/priority-queue.ts'
import { Queue } from '../../src/concurrency/queue.ts'
import { connectEvent, connectQueue } from '../../src/concurrency/remote/connect.ts'
import type { RemoteQueue } from '../../src/concurrency/remote/remote-queue.ts'
import { Lock } from '../../src/concurrency/semaphore.ts'
import { sleep } from '../../src/concurrency/sleep.ts'
import type { LinkEnd } from '../../src/concurrency/threads/port-link.ts'
import { serve } from '../../src/concurrency/threads/serve.ts'
import { DeadlineExceededError, InvalidOptionError, LinkLostError, QueueEmptyError, QueueShutDownError } from '../../src/kernel/errors.ts'
import { waitAllBlocked } from '../../src/testing/index.ts'
import { child, crews } from './participants.ts'

const script = new URL('../fixtures/concurrency/participant.ts', import.meta.url)
const holder = new URL('../fixtures/concurrency/queue-holder.ts', import.meta.url)

function filled<Kind extends Queue<number>>(queue: Kind, count: number): Kind {
  for (let item = 0; item < count; item++) queue.putNow(item)
  return queue
}

function all(queue: Queue<number>): number[] {
  const items: number[] = []
  while (queue.hasNext) items.push(queue.getNow())
  return items
}

const queues = { Queue, LifoQueue, PriorityQueue }

// Items that were taken for somebody who was killed before they were there.
describe.each(Object.entries(crews))('what is on its way to one of the %s that is killed', { timeout: 60_000 }, (_, gather) => {
  test.each(Object.entries(queues))('comes back to where it was taken: %s', async (_, Kind) => {
    const before = all(filled(new Kind<number>(), 300_000))
    const queue = filled(new Kind<number>(), 300_000)
    await using crew = await gather(queue)
    const grabber = crew.start('grab', { count: 4_000 })
    while (queue.size > 296_000) await sleep(1)
    await crew.kill(grabber)
    while (queue.size < 300_000) await sleep(1)
    expect(all(queue)).toEqual(before)
  })

  test('goes to those who wait, who came first gets what was taken first', async () => {
    const queue = filled(new Queue<number>(), 3)
    await using crew = await gather(queue)
    const grabber = crew.start('grab', { count: 3 })
    while (queue.size > 0) await sleep(1)
    const getting = [queue.get(), queue.get()]
    await crew.kill(grabber)
    expect([...await Promise.all(getting), await queue.get()]).toEqual([0, 1, 2])
  })

  test('is waited for by a queue that is shut down', async () => {
    const queue = filled(new Queue<number>(), 3)
    await using crew = await gather(queue)
    const grabber = crew.start('grab', { count: 3 })
    while (queue.size > 0) await sleep(1)
    const getting = queue.get()
    queue.shutdown()
    expect(() => queue.getNow()).toThrow(QueueEmptyError)
    await crew.kill(grabber)
    expect([await getting, await queue.get(), await queue.get()]).toEqual([0, 1, 2])
    await expect(queue.get()).rejects.toThrow(QueueShutDownError)
  })

  test('is dropped by a queue that was shut down at once, and counts as done', async () => {
    const queue = filled(new Queue<number>(), 3)
    await using crew = await gather(queue)
    const grabber = crew.start('grab', { count: 2 })
    while (queue.size > 1) await sleep(1)
    const getting = queue.get().then(async () => {
      queue.taskDone()
      return await queue.get()
    })
    getting.catch(() => {})
    await waitAllBlocked()
    queue.shutdown({ immediate: true })
    const joining = queue.join()
    await crew.kill(grabber)
    await joining
    await expect(getting).rejects.toThrow(QueueShutDownError)
    expect(queue.statistics()).toMatchObject({ size: 0, unfinished: 0 })
  })
})

test('a thread that sleeps for one item and awaits the next misses none', { timeout: 60_000 }, async () => {
  const [there, here] = [new Queue<number>(), new Queue<number>()]
  const [origin, back] = [serve(there), serve(here)]
  const count = 20_000
  const worker = new Worker(script, { workerData: { does: 'mixed', origin, back, count }, transferList: [origin.port, back.port] })
  for (let item = 0; item < count; item++) {
    there.putNow(item)
    expect(await here.get({ timeout: '10s' })).toBe(item)
  }
  await once(worker, 'exit')
})

test('a queue whose thread computes holds up nobody who gave up; what it gives later comes back', { timeout: 60_000 }, async () => {
  const owner = new Worker(holder)
  const [origin] = await once(owner, 'message') as [LinkEnd]
  using remote = connectQueue<number>(origin)
  const getting = remote.get()
  owner.postMessage(2_500, [])
  await once(owner, 'message')
  const scope = new CancelScope()
  const givenUp = [remote.get({ timeout: 1 }), remote.join({ timeout: 1 }), scope.run(() => remote.get())]
  scope.cancel()
  const outcomes = await Promise.allSettled(givenUp)
  expect(outcomes.map((outcome) => outcome.status === 'rejected' ? (outcome.reason as Error).constructor : outcome.value)).toEqual([DeadlineExceededError, DeadlineExceededError, undefined])
  // It still computes: of what waits, the first gets its item.
  expect(await Promise.race([getting, Promise.resolve('computes')])).toBe('computes')
  expect(await getting).toBe(2_500)
  owner.postMessage(0, [])
  expect(await remote.get()).toBe(0)
  await owner.terminate()
})

interface Ends extends AsyncDisposable {
  readonly own: Queue<unknown>
  readonly remote: RemoteQueue<unknown>
}

const ends: Readonly<Record<string, () => Promise<Ends>>> = {
  async 'between threads'() {
    const own = new Queue<unknown>()
    const remote = connectQueue<unknown>(serve(own))
    return { own, remote, [Symbol.asyncDispose]: async () => remote.close() }
  },
  async 'between processes'() {
    const own = new Queue<unknown>()
    const listener = await listen(own)
    const remote = connectQueue<unknown>(listener.address)
    return { own, remote, [Symbol.asyncDispose]: async () => { remote.close(); await listener.close() } }
  }
}

describe.each(Object.entries(ends))('a queue %s', (_, open) => {
  test('an item arrives as it was when it was put, and when it was given', async () => {
    await using line = await open()
    const [bytes, list] = [new Uint8Array([1]), [1]]
    const putting: Promise<void>[] = []
    for (const value of [1, 2, 3]) {
      bytes[0] = value
      list[0] = value
      putting.push(line.remote.put(bytes), line.remote.put(list))
    }
    await Promise.all(putting)
    bytes[0] = 0
    const got: unknown[] = []
    for (let left = 6; left > 0; left--) got.push(await line.own.get())
    expect(got).toEqual([new Uint8Array([1]), [1], new Uint8Array([2]), [2], new Uint8Array([3]), [3]])
  })

  test('what cannot be sent leaves every other answer as it is', async () => {
    await using line = await open()
    for (let round = 0; round < 5; round++) {
      line.own.putNow(Symbol('here only'))
      const outcomes = await Promise.allSettled([line.remote.get(), line.remote.put(1), line.remote.get(), line.remote.put(() => {}), line.remote.put([2])])
      expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'fulfilled', 'rejected', 'rejected', 'fulfilled'])
      expect(typeof line.own.getNow()).toBe('symbol')
      expect([await line.remote.get(), await line.remote.get()]).toEqual([1, [2]])
    }
  })

  test('an item whose getter puts another is put, and then that', async () => {
    await using line = await open()
    const inner: Promise<void>[] = []
    let asked = 0
    const item = (at: number): object => ({
      get at() {
        if (at > asked) inner.push(line.remote.put({ by: at }), line.remote.put(at))
        asked = Math.max(at, asked)
        return at
      },
      text: 'x'.repeat(at * 100)
    })
    await Promise.all([1, 3, 5, 70].map((at) => line.remote.put(item(at))))
    await Promise.all(inner)
    const got: unknown[] = []
    while (line.own.size > 0) got.push(line.own.getNow())
    expect(got).toEqual([1, 3, 5, 70].flatMap((at) => [{ at, text: 'x'.repeat(at * 100) }, { by: at }, at]))
  })

  test('the queue is shut down, whatever was said to be done', async () => {
    await using line = await open()
    await Promise.all([line.remote.put(1), line.remote.put(2)])
    for (let times = 0; times < 5; times++) line.remote.taskDone()
    line.remote.shutdown({ immediate: true })
    await expect(line.remote.get()).rejects.toThrow(QueueShutDownError)
    await line.remote.join()
  })

  test('whoever asks a closed end leaves nothing behind', async () => {
    await using line = await open()
    line.remote.close()
    const { signal } = new AbortController()
    await expect(line.remote.get({ signal, timeout: '1h' })).rejects.toMatchObject({ code: 'LINK_LOST' })
    expect(getEventListeners(signal, 'abort')).toEqual([])
  })

  test('large items come between small ones in their order', async () => {
    await using line = await open()
    const items = Array.from({ length: 300 }, (_, at) => at % 7 === 0 ? new Uint8Array(at * 1_000).fill(at) : at % 5 === 0 ? { at, date: new Date(at), text: 'y'.repeat(at * 30) } : at)
    const putting = Promise.all(items.map((item) => line.remote.put(item)))
    for (const item of items) expect(await line.remote.get()).toEqual(item)
    await putting
  })
})

test('what a process said before it closed its ends, and ended, arrives, however late it is read', { timeout: 60_000 }, async () => {
  const queue = new Queue<number>()
  const lock = new Lock()
  await using listener = await listen(queue)
  await using locks = await listen(lock)
  const putter = child('putMuch', listener, { count: 100, back: locks.address })
  await once(putter, 'message')
  // This thread reads nothing while the other says it all.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 500)
  await once(putter, 'exit')
  const got: unknown[] = []
  for await (const item of queue) got.push((item as unknown as { at: number }).at)
  expect(got).toEqual(Array.from({ length: 100 }, (_, at) => at))
  using _free = await lock.acquire({ timeout: '10s' })
})

test('an item that cannot be compared is refused to who puts it: others lose nothing', async () => {
  const queue = new PriorityQueue<{ x: number } | null>({ maxSize: 2, compare: (a, b) => a!.x - b!.x })
  using remote = connectQueue<{ x: number } | null>(serve(queue))
  const putting = Promise.allSettled([{ x: 2 }, null, { x: 1 }, null, { x: 3 }].map((item) => remote.put(item)))
  while (queue.statistics().putting === 0) await sleep(1)
  const got: unknown[] = []
  for (let left = 3; left > 0; left--) got.push(await queue.get())
  expect((await putting).map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'rejected', 'fulfilled'])
  expect(got).toEqual([{ x: 1 }, { x: 2 }, { x: 3 }])
  const waiting = queue.get()
  expect(() => queue.putNow(null)).toThrow(TypeError)
  queue.putNow({ x: 4 })
  expect([await waiting, queue.statistics()]).toEqual([{ x: 4 }, { size: 0, bytes: 0, putting: 0, getting: 0, unfinished: 4 }])
})

test('what is told on a line that is lost is no secret', () => {
  const end = connectQueue<number>(serve(new Queue<number>()))
  end.close()
  expect(() => end.shutdown()).toThrow(LinkLostError)
  end.taskDone()
  const event = connectEvent(serve(new Event()))
  event.close()
  expect(() => event.set()).toThrow(LinkLostError)
  expect(event.isSet).toBe(false)
})

test('what could not be put back is not moved', async () => {
  using remote = connectQueue<unknown>(serve(new Queue<unknown>()))
  const { port1 } = new MessageChannel()
  await expect(remote.put(port1, { transfer: [port1 as never] })).rejects.toThrow(InvalidOptionError)
  port1.close()
})

test('a message that means nothing ends its line, and nothing else', async () => {
  const own = new Queue<number>()
  const end = serve(own)
  end.port.postMessage([0, null], [])
  await once(end.port, 'close')
  using remote = connectQueue<number>(serve(own))
  await remote.put(1)
  expect(own.getNow()).toBe(1)
})
