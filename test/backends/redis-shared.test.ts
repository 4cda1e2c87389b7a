import { expect } from 'vitest'
import type { Backend } from '../../src/backends/backend.ts'
import { redis } from '../../src/backends/redis/redis-backend.ts'
import { connectShared } from '../../src/client/shared/connect-shared.ts'
import { Session, attending, textOf } from '../../src/testing/backend-conformance/shared-bench.ts'
import { RedisServer } from '../support/redis-server.ts'
import { testWithRedis } from '../support/requirements.ts'

const test = testWithRedis()

async function open(url: string): Promise<Backend & AsyncDisposable> {
  const backend = await redis(url)
  return Object.assign(backend, { [Symbol.asyncDispose]: () => backend.close() })
}

async function fails(what: Promise<unknown>, message: RegExp): Promise<void> {
  await expect(what).rejects.toMatchObject({ code: 'BACKEND_FAILED', message: expect.stringMatching(message) })
}

/** Each kind of thing, from both sides. */
async function useAll(backend: Backend): Promise<void> {
  const [one, other] = [new Session(backend), new Session(backend)]
  const held = await one.acquire()
  const waiting = await other.acquire()
  using attention = await attending(backend, other)
  await one.giveBack(held)
  await attention.heard
  await other.giveBack(waiting)
  await one.put('item')
  await other.keep(await other.get(), true)
  await one.do({ does: 'set', name: 'a', isSet: true })
  await one.do({ does: 'add', name: 'a', amount: 1 })
  await one.do({ does: 'write', name: 'a', item: new Uint8Array(1), expected: null })
  await one.do({ does: 'read', name: 'a' })
  await one.do({ does: 'write', name: 'a', item: null, expected: null })
  await one.do({ does: 'statistics', kind: 'queue', name: 'a' })
  await Promise.all([one.leave(), other.leave()])
}

test('a user who may use jobs may share things, with the same rights', async () => {
  await using server = await RedisServer.start()
  const rights = '~treadle:* &treadle:* +@read +@write +@scripting +@pubsub +@connection +time -@dangerous'
  await server.say(`ACL SETUSER app reset on >secret ${rights}`)
  await using backend = await open(server.url.replace('//', '//app:secret@'))
  await useAll(backend)
  await server.say('ACL SETUSER app -@scripting')
  await fails(new Session(backend).acquire(), /this user may not run what is needed/)
})

test('in a full memory nothing more is kept, nothing half, and what is held is renewed and given back', async () => {
  await using server = await RedisServer.start('--maxmemory', '4mb')
  await using backend = await open(server.url)
  const session = new Session(backend)
  const held = await session.acquire()
  let count = 0
  const fill = async (): Promise<never> => {
    for (;;) {
      await session.put('x'.repeat(50_000))
      count++
    }
  }
  await fails(fill(), /has no memory left\. Nothing of this call was kept/)
  expect((await session.share([])).lost).toBe(false)
  expect(await session.do({ does: 'statistics', kind: 'queue', name: 'a' })).toMatchObject({ statistics: { size: count, unfinished: count } })
  await fails(session.share([{ does: 'add', name: 'a', amount: 1 }, { does: 'giveBack', ticket: held.ticket }]), /has no memory left/)
  expect(await session.giveBack(held)).toEqual({ is: 'done' })
  for (let left = count; left > 0; left--) await session.keep(await session.get())
  expect(await session.do({ does: 'add', name: 'a', amount: 1 })).toEqual({ is: 'done', number: 0 })
})

test('scripts that the server has forgotten are sent again, and what is shared leaves no keys but what is to stay', async () => {
  await using server = await RedisServer.start()
  await using backend = await open(server.url)
  await useAll(backend)
  await server.say('SCRIPT FLUSH')
  await useAll(backend)
  const keys = (await server.say('KEYS *')).split('\r\n').filter((line) => line.startsWith('treadle:'))
  expect(keys.toSorted()).toEqual(['treadle:1:shared:counter:{a}', 'treadle:1:shared:event:{a}', 'treadle:1:shared:number', 'treadle:1:shared:queue:{a}'])
})

test('of a queue and a semaphore that nobody uses the bounds stay for a day; then their names are as new', async () => {
  await using server = await RedisServer.start()
  await using shared = await connectShared(server.url)
  const expiry = async (kind: string): Promise<number> => Number((await server.say(`TTL treadle:1:shared:${kind}:{a}`)).slice(1))
  const [forEver, noKey] = [-1, -2]
  const queue = shared.queue<string>('a', { maxSize: 1 })
  await queue.put('item')
  expect(await expiry('queue')).toBe(forEver)
  const item = await queue.take()
  expect(await expiry('queue')).toBe(forEver)
  await item.done()
  expect(await expiry('queue')).toBeGreaterThan(86_000)
  await queue.put('again')
  expect(await expiry('queue')).toBe(forEver)
  await (await queue.take()).done()
  const permit = await shared.semaphore('a', 2).acquire()
  expect(await expiry('semaphore')).toBe(forEver)
  permit.release()
  await expect.poll(() => expiry('semaphore')).toBeGreaterThan(86_000)
  // The day is over.
  await server.say('DEL treadle:1:shared:queue:{a} treadle:1:shared:semaphore:{a}')
  expect([await expiry('queue'), await expiry('semaphore')]).toEqual([noKey, noKey])
  await queue.putNow('as before')
  await expect(queue.putNow('too many')).rejects.toMatchObject({ code: 'QUEUE_FULL' })
  expect(await queue.get()).toBe('as before')
})

test('two applications on one server share nothing, by their prefixes', async () => {
  await using server = await RedisServer.start()
  await using one = await connectShared(`${server.url}?prefix=one`)
  await using other = await connectShared(`${server.url}?prefix=other`)
  using _held = await one.lock('lock').acquire()
  using _too = await other.lock('lock').acquireNow()
  await one.counter('number').add(1)
  expect(await other.counter('number').get()).toBe(0)
})

test('a step of a bad form is refused by the server, and changes nothing', async () => {
  await using server = await RedisServer.start()
  await using backend = await open(server.url)
  const session = new Session(backend)
  await session.put('kept')
  await expect(session.share([{ does: 'unknown', name: 'a' } as never])).rejects.toMatchObject({ code: 'BACKEND_FAILED' })
  expect(textOf(await session.get())).toBe('kept')
})
