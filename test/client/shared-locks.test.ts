import { describe, expect, test } from 'vitest'
import { CancelScope } from '../../src/concurrency/cancel-scope.ts'
import { sleep } from '../../src/concurrency/sleep.ts'
import { testWithRedis } from '../support/requirements.ts'
import { sharedPlaces } from './shared-places.ts'

const withRedis = testWithRedis()
const places = sharedPlaces()

describe.each(Object.entries(places))('locks shared through %s', (name, open) => {
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
})
