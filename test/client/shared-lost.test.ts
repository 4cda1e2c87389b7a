import { describe, expect, test } from 'vitest'
import type { LeasedPermit } from '../../src/client/shared/leased.ts'
import { testWithRedis } from '../support/requirements.ts'
import { sharedPlaces } from './shared-places.ts'

const withRedis = testWithRedis()
const places = sharedPlaces()

/** Settled by now, or still open. */
async function stateOf(promise: Promise<unknown>): Promise<unknown> {
  return Promise.race([promise.catch((error: unknown) => (error as { code?: unknown }).code), new Promise((resolve) => setImmediate(() => setImmediate(() => resolve('open'))))])
}

describe.each(Object.entries(places))('what is lost and found again, shared through %s', (name, open) => {
  const it = name === 'redis' ? withRedis : test

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
