import { expect, test } from 'vitest'
import { CapacityLimiter } from '../../src/concurrency/capacity-limiter.ts'
import { CancelScope, currentSignal } from '../../src/concurrency/cancel-scope.ts'
import { openChannel } from '../../src/concurrency/channel.ts'
import { Event } from '../../src/concurrency/event.ts'
import { gather } from '../../src/concurrency/gather.ts'
import { map, mapUnordered } from '../../src/concurrency/map.ts'
import { Queue } from '../../src/concurrency/queue.ts'
import { listen } from '../../src/concurrency/processes/listen.ts'
import { connectLock, connectQueue } from '../../src/concurrency/remote/connect.ts'
import { Lock, Semaphore } from '../../src/concurrency/semaphore.ts'
import { checkpoint } from '../../src/concurrency/sleep.ts'
import { serve } from '../../src/concurrency/threads/serve.ts'
import { taskGroup } from '../../src/concurrency/task-group.ts'
import { collect } from './support.ts'

function held(): number {
  collect()
  return process.memoryUsage().heapUsed
}

async function* slowlyNothing(): AsyncGenerator<number> {
  await Promise.resolve()
  yield* [] as number[]
}

/** All in one scope that lives on, so that what it remembers of them would show. */
const operations: Readonly<Record<string, (count: number) => Promise<unknown>>> = {
  async 'a semaphore that is waited for'(count) {
    const semaphore = new Semaphore(1)
    await gather(Array.from({ length: count }), () => semaphore.run(async () => {}), { concurrency: 10 })
  },
  async 'a limiter whose waiters give up'(count) {
    const limiter = new CapacityLimiter(1)
    using _held = limiter.acquireNow()
    const { signal } = new AbortController()
    for (let at = 0; at < count / 10; at++) {
      const scope = new CancelScope()
      const waiting = scope.run(() => limiter.acquire({ signal }))
      scope.cancel()
      await waiting
    }
  },
  async 'a queue'(count) {
    const queue = new Queue<number>({ maxSize: 10 })
    await taskGroup(async (group) => {
      group.start(async () => { for await (const _item of queue); })
      for (let at = 0; at < count; at++) await queue.put(at)
      queue.shutdown()
    })
  },
  async 'a channel that hands over'(count) {
    const [send, receive] = openChannel<number>(0)
    await taskGroup((group) => {
      group.start(async () => { for await (const _value of receive); })
      group.start(async () => {
        using end = send
        for (let at = 0; at < count; at++) await end.send(at)
      })
    })
  },
  async 'map over a source that takes its time'(count) {
    async function* slowly(): AsyncGenerator<number> { for (let at = 0; at < count / 10; at++) { await Promise.resolve(); yield at } }
    for await (const _ of map(slowly(), async (n) => n, { concurrency: 2 }));
    for (let round = 0; round < count / 100; round++) for await (const _ of mapUnordered(slowlyNothing(), async (n) => n));
  },
  async 'signals of scopes that have ended'(count) {
    for (let at = 0; at < count / 10; at++) {
      await new CancelScope().run(() => currentSignal().aborted)
      await checkpoint()
    }
  },
  async 'groups and scopes'(count) {
    for (let at = 0; at < count / 10; at++) {
      await new CancelScope({ timeout: '1h' }).run(() => taskGroup((group) => { group.start(async () => {}) }))
    }
  },
  async 'a queue between threads'(count) {
    const queue = new Queue<object>({ maxSize: 10 })
    using remote = connectQueue<object>(serve(queue))
    for (let at = 0; at < count / 10; at++) {
      const getting = [remote.get(), remote.get({ timeout: '1h' })]
      await Promise.all([remote.put({ at }), remote.put([at]), ...getting])
      await remote.get({ signal: AbortSignal.abort() }).catch(() => {})
    }
  },
  async 'a lock between processes'(count) {
    await using listener = await listen(new Lock())
    using lock = connectLock(listener.address)
    for (let at = 0; at < count / 20; at++) await lock.run(() => at)
  },
  async 'ends that come and go'(count) {
    const queue = new Queue<number>()
    for (let at = 0; at < count / 100; at++) {
      using remote = connectQueue<number>(serve(queue))
      const waiting = remote.get().catch(() => {})
      await remote.put(at)
      await waiting
    }
  },
  async 'an event that never comes'(count) {
    const event = new Event()
    for (let at = 0; at < count / 10; at++) {
      const scope = new CancelScope()
      const waiting = scope.run(() => event.wait())
      scope.cancel()
      await waiting
    }
    expect(event.statistics().waiting).toBe(0)
  }
}

test.each(Object.entries(operations))('%s holds no more after a million operations than after some', { timeout: 60_000 }, async (_, run) => {
  await new CancelScope().run(async () => {
    await run(20_000)
    const before = held()
    await run(1_000_000)
    // Of what leaked there would be a hundred thousand at least, of three hundred bytes or more each; the heap itself varies by some.
    expect(held() - before).toBeLessThan(15_000_000)
  })
})
