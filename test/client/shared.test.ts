import { describe, expect, test } from 'vitest'
import { connectShared } from '../../src/client/shared/connect-shared.ts'
import type { LeasedPermit } from '../../src/client/shared/leased.ts'
import { CancelScope } from '../../src/concurrency/cancel-scope.ts'
import { sleep } from '../../src/concurrency/sleep.ts'
import { testWithRedis } from '../support/requirements.ts'
import { sharedPlaces } from './shared-places.ts'

const withRedis = testWithRedis()
const places = sharedPlaces()

/** Settled by now, or still open. */
async function stateOf(promise: Promise<unknown>): Promise<unknown> {
  return Promise.race([promise.catch((error: unknown) => (error as { code?: unknown }).code), new Promise((resolve) => setImmediate(() => setImmediate(() => resolve('open'))))])
}

describe.each(Object.entries(places))('shared through %s', (name, open) => {
  const it = name === 'redis' ? withRedis : test

  it('a lock lets in one at a time, of all clients, by rising fences', async () => {
    await using place = open()
    const clients = [await place.client(), await place.client(), await place.client()]
    const fences: number[] = []
    let inside = 0
    await Promise.all(clients.flatMap(({ shared }) => [1, 2].map(async () => {
      const lock = shared.lock('door')
      for (let round = 0; round < 10; round++) {
        await lock.run(async ({ fence }) => {
          expect(++inside).toBe(1)
          fences.push(fence)
          await new Promise((resolve) => setImmediate(resolve))
          inside--
        })
      }
    })))
    expect(fences.length).toBe(60)
    expect(fences).toEqual(fences.toSorted((a, b) => a - b))
    expect(new Set(fences).size).toBe(60)
    expect(await clients[0]!.shared.lock('door').statistics()).toEqual({ held: 0, waiting: 0 })
  })

  it('of a semaphore as many are held as it says; who asks for one now is refused beyond that', async () => {
    await using place = open()
    const [one, other] = [await place.client(), await place.client()]
    const [here, there] = [one.shared.semaphore('seats', 2), other.shared.semaphore('seats', 2)]
    const permits = [await here.acquire(), await there.acquireNow()]
    await expect(here.acquireNow()).rejects.toMatchObject({ code: 'WOULD_BLOCK' })
    const third = there.acquire()
    expect(await here.statistics()).toEqual({ held: 2, waiting: 1 })
    permits[0]!.release()
    permits[0]!.release()
    using _third = await third
    expect(await here.statistics()).toEqual({ held: 2, waiting: 0 })
    // A handle that is newer says how many from now on; older ones do not say otherwise.
    using _more = await one.shared.semaphore('seats', 3).acquire()
    await expect(there.acquireNow()).rejects.toMatchObject({ code: 'WOULD_BLOCK' })
    permits[1]!.release()
    using _again = await there.acquireNow()
  })

  it('what is held is renewed as long as its client lives, and so is a place in line', async () => {
    await using place = open()
    const [holder, waiter] = [await place.client(), await place.client()]
    const permit = await holder.shared.lock('long').acquire()
    const waiting = waiter.shared.lock('long').acquire()
    await place.pass(30_000)
    expect([permit.signal.aborted, await stateOf(waiting)]).toEqual([false, 'open'])
    permit.release()
    expect((await waiting).fence).toBeGreaterThan(permit.fence)
  })

  it('a client that is cut off knows that it lost all before the next has it; it may ask again', async () => {
    await using place = open()
    const [holder, next] = [await place.client(3_000), await place.client(60_000)]
    const permit = await holder.shared.lock('cut').acquire()
    const line = holder.shared.lock('other')
    using _other = await next.shared.lock('other').acquire()
    const behind = line.acquire()
    behind.catch(() => {})
    await holder.shared.counter('seen').add(1)
    const log: string[] = []
    permit.signal.addEventListener('abort', () => log.push('lost'))
    const granted = next.shared.lock('cut').acquire().then((given: LeasedPermit) => {
      log.push('granted')
      return given
    })
    await next.shared.counter('seen').add(1)
    holder.line.isCut = true
    await place.pass(2_000)
    expect(log).toEqual([])
    await place.pass(1_500)
    const given = await granted
    expect(log).toEqual(['lost', 'granted'])
    expect(given.fence).toBeGreaterThan(permit.fence)
    expect(permit.signal.reason).toMatchObject({ code: 'LEASE_LOST' })
    await expect(behind).rejects.toMatchObject({ code: 'LEASE_LOST' })
    // To give back what is lost takes nothing from anybody.
    permit.release()
    holder.line.isCut = false
    expect(await holder.shared.lock('cut').statistics()).toEqual({ held: 1, waiting: 0 })
    given.release()
    using again = await holder.shared.lock('cut').acquire()
    expect(again.fence).toBeGreaterThan(given.fence)
  })

  it('after a thread stood still for longer than the lease, what it held says so at once', async () => {
    await using place = open()
    const holder = await place.client()
    const permit = await holder.shared.lock('stalled').acquire()
    const item = holder.shared.queue<string>('stalled')
    await item.put('a')
    const taken = await item.take()
    holder.clock.stalled = 3_000
    expect(() => permit.signal.throwIfAborted()).toThrow(expect.objectContaining({ code: 'LEASE_LOST' }))
    expect(taken.signal.aborted).toBe(true)
    await expect(taken.done()).rejects.toMatchObject({ code: 'LEASE_LOST' })
  })

  it('what runs inside a lock that was lost is cancelled where it waits, and told', async () => {
    await using place = open()
    const holder = await place.client()
    const log: string[] = []
    const running = new CancelScope({ clock: place.clock }).run(() => holder.shared.lock('inside').run(async () => {
      try {
        await sleep('1h')
      } finally {
        log.push('left')
      }
    }))
    const ended = expect(running).rejects.toMatchObject({ code: 'LEASE_LOST' })
    await holder.shared.counter('seen').get()
    holder.line.isCut = true
    await place.pass(3_500)
    await ended
    expect(log).toEqual(['left'])
  })

  it('what was given back while the line was cut is given back once it stands again', async () => {
    await using place = open()
    const [holder, next] = [await place.client(30_000), await place.client(30_000)]
    const permit = await holder.shared.lock('owed').acquire()
    const waiting = next.shared.lock('owed').acquire()
    await next.shared.counter('seen').get()
    holder.line.isCut = true
    permit.release()
    await place.pass(3_000)
    expect(await stateOf(waiting)).toBe('open')
    holder.line.isCut = false
    await place.pass(2_000)
    expect((await waiting).fence).toBeGreaterThan(permit.fence)
  })

  it('what was given by an answer that never came is given back', async () => {
    await using place = open()
    const [one, other] = [await place.client(30_000), await place.client(30_000)]
    one.line.losesAnswersTo = ['acquire', 'put', 'get']
    const [lock, queue] = [one.shared.lock('unheard'), one.shared.queue<number>('unheard')]
    await expect(lock.acquire()).rejects.toMatchObject({ code: 'BACKEND_FAILED' })
    await expect(queue.put(1)).rejects.toMatchObject({ code: 'BACKEND_FAILED' })
    await expect(queue.take()).rejects.toMatchObject({ code: 'BACKEND_FAILED' })
    const [permit, item] = [other.shared.lock('unheard').acquire(), other.shared.queue<number>('unheard').take()]
    await other.shared.counter('seen').get()
    await place.pass(1_500)
    expect([(await permit).signal.aborted, (await item).value]).toEqual([false, 1])
  })

  it('an item that was got, though the store could not be told so, is given to no other', async () => {
    await using place = open()
    const [one, other] = [await place.client(30_000), await place.client(30_000)]
    const [here, there] = [one.shared.queue<number>('kept'), other.shared.queue<number>('kept')]
    for (const item of [1, 2]) await there.put(item)
    const taken = await here.take()
    one.line.refuses = ['keep']
    expect(await here.get()).toBe(2)
    await expect(taken.done()).rejects.toMatchObject({ code: 'BACKEND_FAILED' })
    expect(await there.statistics()).toMatchObject({ size: 0, taken: 2 })
    one.line.refuses = []
    await taken.done()
    await place.pass(1_500)
    expect(await there.statistics()).toMatchObject({ size: 0, taken: 0, unfinished: 1 })
  })

  it('a notice that was lost is made up for within seconds', async () => {
    await using place = open()
    const [holder, deaf] = [await place.client(60_000), await place.client(60_000)]
    const permit = await holder.shared.lock('deaf').acquire()
    const waiting = deaf.shared.lock('deaf').acquire()
    await deaf.shared.counter('seen').get()
    deaf.line.isCut = true
    permit.release()
    await holder.shared.counter('seen').get()
    await place.pass(6_000)
    deaf.line.isCut = false
    await place.pass(5_000)
    expect(await stateOf(waiting)).toMatchObject({ fence: expect.any(Number) })
  })

  it('who gives up takes nothing with it: by a scope, a signal, a timeout, at any moment', async () => {
    await using place = open()
    const [one, other] = [await place.client(), await place.client()]
    const [here, there] = [one.shared.lock('left'), other.shared.lock('left')]
    await expect(here.acquire({ signal: AbortSignal.abort(new RangeError('enough')) })).rejects.toThrow('enough')
    for (let round = 0; round < 20; round++) {
      const held = await here.acquire()
      const scope = new CancelScope()
      const waiting = scope.run(() => there.acquire())
      for (let turn = 0; turn < round % 5; turn++) await new Promise((resolve) => setImmediate(resolve))
      if (round % 2 === 0) held.release()
      scope.cancel()
      ;(await waiting)?.release()
      held.release()
    }
    // What the other gave back may still be on its way.
    await expect.poll(() => here.statistics()).toEqual({ held: 0, waiting: 0 })
    // Given up before it was even asked for, or before the answer came, of a lock that is free.
    for (let turn = 0; turn < 4; turn++) {
      const scope = new CancelScope()
      const free = scope.run(() => there.acquire())
      for (let at = 0; at < turn; at++) await Promise.resolve()
      scope.cancel()
      ;(await free)?.release()
    }
    const held = await here.acquire()
    await expect(there.acquire({ timeout: 1 })).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' })
    held.release()
    using _last = await there.acquire({ timeout: '5s' })
    expect(await here.statistics()).toEqual({ held: 1, waiting: 0 })
  })

  it('many who wait in one client are each told once, in the order of asking', async () => {
    await using place = open()
    const [one, other] = [await place.client(60_000), await place.client(60_000)]
    const order: number[] = []
    const [lock, event, queue] = [one.shared.lock('crowd'), one.shared.event('crowd'), one.shared.queue<number>('crowd')]
    const held = await other.shared.lock('crowd').acquire()
    const crowd = Array.from({ length: 50 }, async (_, index) => {
      await lock.run(() => order.push(index))
      await event.wait()
      return queue.get()
    })
    held.release()
    while (order.length < 50) await new Promise((resolve) => setImmediate(resolve))
    await other.shared.event('crowd').set()
    for (let item = 0; item < 50; item++) await other.shared.queue<number>('crowd').put(item)
    expect(await Promise.all(crowd)).toEqual(Array.from({ length: 50 }, (_, index) => index))
    expect(order).toEqual(Array.from({ length: 50 }, (_, index) => index))
  })

  it('what a client held comes free at once when it closes; what waits there hears so', async () => {
    await using place = open()
    const [leaver, next] = [await place.client(), await place.client()]
    await leaver.shared.lock('a').acquire()
    using _b = await next.shared.lock('b').acquire()
    const queue = leaver.shared.queue<number>('q')
    await queue.put(1)
    const taken = await queue.take()
    const [waiting, behind] = [next.shared.lock('a').acquire(), leaver.shared.lock('b').acquire()]
    await leaver.shared.counter('seen').get()
    await Promise.all([leaver.shared.close(), expect(behind).rejects.toMatchObject({ code: 'CLOSED' })])
    using _a = await waiting
    expect(await next.shared.queue<number>('q').get()).toBe(1)
    expect(taken.signal.reason).toMatchObject({ code: 'CLOSED' })
    await expect(queue.put(2)).rejects.toMatchObject({ code: 'CLOSED' })
    await expect(leaver.shared.counter('seen').get()).rejects.toMatchObject({ code: 'CLOSED' })
  })

  it('an item that was taken, and not done, goes to the next when its taker is gone; done, to nobody', async () => {
    await using place = open()
    const [taker, next] = [await place.client(), await place.client()]
    const [here, there] = [taker.shared.queue<{ n: number }>('work'), next.shared.queue<{ n: number }>('work')]
    for (const n of [1, 2, 3]) await there.put({ n })
    const [first, second] = [await here.take(), await here.take()]
    await first.done()
    await first.done()
    expect(second.value).toEqual({ n: 2 })
    taker.line.isCut = true
    await place.pass(4_000)
    const [again, third] = [await there.take(), await there.take()]
    expect([again.value, third.value]).toEqual([{ n: 2 }, { n: 3 }])
    expect(again.fence).toBeGreaterThan(second.fence)
    taker.line.isCut = false
    await expect(second.done()).rejects.toMatchObject({ code: 'LEASE_LOST' })
    third.putBack()
    await expect(third.done()).rejects.toMatchObject({ code: 'LEASE_LOST' })
    third.putBack()
    expect((await there.take()).value).toEqual({ n: 3 })
    expect(await there.statistics()).toMatchObject({ size: 0, taken: 2, unfinished: 2 })
  })

  it('a loop that is left gives the next item to others, and each that it took is done', async () => {
    await using place = open()
    const [one, other] = [await place.client(), await place.client()]
    const [here, there] = [one.shared.queue<number>('loop', { maxSize: 2 }), other.shared.queue<number>('loop')]
    const putting = (async () => { for (let n = 0; n < 10; n++) await there.put(n) })()
    const got: number[] = []
    for await (const item of here) {
      got.push(item)
      if (item === 4) break
    }
    for (let n = 5; n < 10; n++) got.push(await there.get())
    await putting
    expect(got).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    expect(await there.statistics()).toMatchObject({ size: 0, taken: 0, unfinished: 5 })
    await expect(here.getNow()).rejects.toMatchObject({ code: 'QUEUE_EMPTY' })
    await here.putNow(10)
    await there.putNow(11)
    await expect(here.putNow(12)).rejects.toMatchObject({ code: 'QUEUE_FULL' })
  })

  it('one who gives up a put hears whether it was put', async () => {
    await using place = open()
    const [one, other] = [await place.client(), await place.client()]
    const [here, there] = [one.shared.queue<number>('full', { maxSize: 1 }), other.shared.queue<number>('full', { maxSize: 1 })]
    const got: number[] = []
    const put: number[] = []
    await expect(there.put(-2, { signal: AbortSignal.abort(new RangeError('enough')) })).rejects.toThrow('enough')
    expect((await here.statistics()).size).toBe(0)
    await here.put(-1)
    for (let round = 0; round < 20; round++) {
      const scope = new CancelScope()
      const putting = scope.run(() => there.put(round))
      for (let turn = 0; turn < round % 4; turn++) await new Promise((resolve) => setImmediate(resolve))
      const taking = round % 3 === 0 ? here.get() : undefined
      scope.cancel()
      await putting
      if (!scope.cancelledCaught) put.push(round)
      if (taking) got.push(await taking)
      while ((await here.statistics()).size < 1) await here.put(100 + round)
    }
    got.push(await here.get())
    expect(got.filter((item) => item >= 0 && item < 100)).toEqual(put)
  })

  it('a counter, a value and an event are those of all clients', async () => {
    await using place = open()
    const [one, other] = [await place.client(), await place.client()]
    await Promise.all([one, other].map(async ({ shared }) => {
      for (let round = 0; round < 20; round++) {
        await shared.counter('hits').add(1)
        await shared.value('list', [] as number[]).update((list) => [...list, round])
      }
    }))
    expect([await one.shared.counter('hits').get(), (await one.shared.value<number[]>('list').get())?.length]).toEqual([40, 40])
    expect(await one.shared.counter('hits').compareExchange(39, 0)).toBe(40)
    expect([await one.shared.counter('hits').set(7), await other.shared.counter('hits').get()]).toEqual([40, 7])
    const [here, there] = [one.shared.value<Map<string, Date>>('map'), other.shared.value<Map<string, Date>>('map')]
    expect([await here.get(), (await here.read()).version]).toEqual([undefined, 0])
    const version = await here.set(new Map([['a', new Date(5)]]))
    expect(await there.read()).toEqual({ value: new Map([['a', new Date(5)]]), version })
    expect(await there.compareAndSet(version, new Map())).toBeGreaterThan(version)
    expect(await here.compareAndSet(version, new Map())).toBe(undefined)
    await here.remove()
    expect(await there.get()).toBe(undefined)
    const [set, heard] = [one.shared.event('ready'), other.shared.event('ready')]
    const waiting = heard.wait()
    expect([heard.isSet, await heard.look()]).toEqual([false, false])
    await set.set()
    await waiting
    await heard.wait()
    expect([heard.isSet, await other.shared.event('ready').look()]).toEqual([true, true])
    await set.remove()
    expect(await heard.look()).toBe(false)
  })

  it('a client that held nothing for long begins anew, and nobody notices', async () => {
    await using place = open()
    const [idle, other] = [await place.client(), await place.client()]
    await idle.shared.counter('idle').add(1)
    await place.pass(10_000)
    await other.shared.counter('idle').add(1)
    expect(await idle.shared.counter('idle').add(1)).toBe(2)
    using _permit = await idle.shared.lock('idle').acquire()
  })
})

test('what cannot be shared is refused, with what can', async () => {
  await using shared = await connectShared('memory:', { payloadLimit: 100 })
  const refused: readonly (readonly [() => unknown, string])[] = [
    [() => shared.lock('a b'), 'INVALID_OPTION'],
    [() => shared.queue('', {}), 'INVALID_OPTION'],
    [() => shared.semaphore('a', 0), 'INVALID_OPTION'],
    [() => shared.queue('a', { maxSize: 1.5 }), 'INVALID_OPTION'],
    [() => shared.queue('a', { size: 1 } as never), 'INVALID_OPTION'],
    [() => shared.counter('a').add(0.5), 'INVALID_OPTION'],
    [() => shared.queue('a').put('x'.repeat(101)), 'SHARED_TOO_LARGE'],
    [() => shared.value('a').set(() => {}), 'UNCLONEABLE'],
    [() => shared.queue('a').taskDone(), 'INVALID_OPTION'],
    [() => shared.queue('a', { maxBytes: 5 }).put('123456'), 'INVALID_OPTION'],
    [() => connectShared('memory:', { lease: 0 }), 'INVALID_OPTION'],
    [() => connectShared('memory:', { leases: 1 } as never), 'INVALID_OPTION'],
    [() => connectShared({} as never), 'INVALID_OPTION']
  ]
  for (const [ask, code] of refused) await expect((async () => ask())(), String(ask)).rejects.toMatchObject({ code })
  await shared.counter('a').set(Number.MAX_SAFE_INTEGER)
  await expect(shared.counter('a').add(1)).rejects.toMatchObject({ code: 'INVALID_OPTION' })
  await shared.queue('a').put('x'.repeat(90))
})

test('what is shared and cannot be read is put back, and told', async () => {
  await using place = places.memory()
  const client = await place.client()
  await client.line.backend.share({ session: 'stranger', lease: 1_000, begins: true, leaves: true, steps: [{ does: 'put', name: 'odd', ticket: 1, item: new Uint8Array([0xc1]), bounds: { maxSize: 9, maxBytes: 9 }, opens: true, waits: false }] })
  const queue = client.shared.queue('odd')
  await expect(queue.get()).rejects.toMatchObject({ code: 'MALFORMED_MESSAGE' })
  expect(await queue.statistics()).toMatchObject({ size: 1, taken: 0 })
})
