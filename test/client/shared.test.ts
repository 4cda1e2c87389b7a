import { describe, expect, test } from 'vitest'
import { connectShared } from '../../src/client/shared/connect-shared.ts'
import { CancelScope } from '../../src/concurrency/cancel-scope.ts'
import { testWithRedis } from '../support/requirements.ts'
import { sharedPlaces } from './shared-places.ts'

const withRedis = testWithRedis()
const places = sharedPlaces()

describe.each(Object.entries(places))('shared through %s', (name, open) => {
  const it = name === 'redis' ? withRedis : test

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
