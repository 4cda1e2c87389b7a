import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { connectShared } from '../../src/client/shared/connect-shared.ts'
import { systemClock } from '../../src/kernel/clock.ts'
import { TestProcess } from '../support/processes.ts'
import { RedisServer, relay, to } from '../support/redis-server.ts'
import { testWithRedis } from '../support/requirements.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

const sharer = fileURLToPath(new URL('../fixtures/chaos/sharer.ts', import.meta.url))
const withRedis = testWithRedis()
const lease = 2_000

interface Ground extends AsyncDisposable {
  readonly url: string
  readonly folder: string
}

const grounds: Readonly<Record<string, { readonly test: typeof test, readonly open: () => Promise<Ground> }>> = {
  'a SQLite file': {
    test,
    async open() {
      const folder = temporaryFolder()
      return { url: `sqlite:${join(folder.path, 'shared.db')}`, folder: folder.path, [Symbol.asyncDispose]: async () => folder[Symbol.dispose]() }
    }
  },
  Redis: {
    test: withRedis,
    async open() {
      const [folder, server] = [temporaryFolder(), await RedisServer.start()]
      return {
        url: server.url, folder: folder.path,
        async [Symbol.asyncDispose]() {
          await server[Symbol.asyncDispose]()
          folder[Symbol.dispose]()
        }
      }
    }
  }
}

function start(does: string, { url }: Ground, ...rest: readonly string[]): TestProcess {
  return new TestProcess(sharer, [does, url, String(lease), ...rest])
}

async function fenceOf(holder: TestProcess): Promise<number> {
  return Number((await holder.line((line) => line.startsWith('held '))).slice('held '.length))
}

describe.each(Object.entries(grounds))('processes that share through %s', { timeout: 60_000 }, (_, { test, open }) => {
  test('a lock whose holder is killed comes free when its lease has run out, and no sooner, with a larger fence', async () => {
    await using ground = await open()
    await using holder = start('hold', ground)
    const fence = await fenceOf(holder)
    await using shared = await connectShared(ground.url)
    // Renewed, it lasts.
    await expect(shared.lock('lock').acquire({ timeout: 2 * lease })).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' })
    const waiting = shared.lock('lock').acquire()
    await holder.kill()
    const killed = systemClock.elapsed()
    using permit = await waiting
    // It was renewed no longer ago than a third of the lease.
    expect(systemClock.elapsed() - killed).toBeGreaterThan(lease / 2)
    expect(permit.fence).toBeGreaterThan(fence)
  })

  test('a holder that was stopped for longer than its lease learns that it lost when it goes on', async () => {
    await using ground = await open()
    await using holder = start('hold', ground)
    const fence = await fenceOf(holder)
    holder.signal('SIGSTOP')
    await using shared = await connectShared(ground.url)
    using permit = await shared.lock('lock').acquire()
    expect(permit.fence).toBeGreaterThan(fence)
    expect(holder.lines).not.toContain('lost')
    holder.signal('SIGCONT')
    await holder.line((line) => line === 'lost')
  })

  test('items of a taker that is killed come again, before all others, in their order', async () => {
    await using ground = await open()
    await using shared = await connectShared(ground.url)
    const queue = shared.queue<number>('queue')
    for (let item = 0; item < 5; item++) await queue.put(item)
    await using taker = start('take', ground)
    await taker.line((line) => line === 'took 2')
    await taker.kill()
    const got: number[] = []
    // What nobody had is there at once.
    for (let item = 0; item < 2; item++) got.push(await queue.get())
    for (let item = 0; item < 3; item++) got.push(await queue.get())
    expect(got).toEqual([3, 4, 0, 1, 2])
  })

  test('what processes do under a lock, a step after the other, loses nothing', async () => {
    await using ground = await open()
    const file = join(ground.folder, 'number')
    writeFileSync(file, '0 0')
    const adders = Array.from({ length: 4 }, () => start('add', ground, file, '50'))
    await using stack = new AsyncDisposableStack()
    for (const adder of adders) stack.use(adder)
    await Promise.all(adders.map((adder) => adder.line((line) => line === 'added')))
    expect(readFileSync(file, 'utf8').split(' ')[0]).toBe('200')
  })
})

withRedis('a connection that is cut for a moment costs nobody a lock or a place in line; for longer than the lease, both', { timeout: 60_000 }, async () => {
  await using server = await RedisServer.start()
  await using line = await relay(to(server))
  await using shared = await connectShared(line.url, { lease })
  await using other = await connectShared(server.url, { lease })
  const held = await shared.lock('held').acquire()
  const theirs = await other.lock('theirs').acquire()
  const waiting = shared.lock('theirs').acquire()
  // Asked after that, it is answered when that has been.
  expect(await shared.lock('theirs').statistics()).toEqual({ held: 1, waiting: 1 })
  await line.cut()
  theirs.release()
  while ((await other.lock('theirs').statistics()).waiting > 0) await systemClock.sleep(5)
  await line.restore()
  using _granted = await waiting
  expect(held.signal.aborted).toBe(false)

  const next = other.lock('held').acquire()
  await line.cut()
  using permit = await next
  expect(held.signal.reason).toMatchObject({ code: 'LEASE_LOST' })
  expect(permit.fence).toBeGreaterThan(held.fence)
  await line.restore()
  permit.release()
  await expect.poll(async () => (await shared.lock('held').acquire()).fence, { timeout: 20_000 }).toBeGreaterThan(permit.fence)
})

withRedis('a server that was restarted with nothing kept goes on with larger fences, and who held or waited hears that it lost', { timeout: 60_000 }, async () => {
  await using server = await RedisServer.start()
  await using shared = await connectShared(server.url, { lease })
  const held = await shared.lock('held').acquire()
  const waiting = shared.lock('held').acquire()
  waiting.catch(() => {})
  expect(await shared.lock('held').statistics()).toEqual({ held: 1, waiting: 1 })
  await server.kill()
  await server.start()
  await expect(waiting).rejects.toMatchObject({ code: 'LEASE_LOST' })
  expect(held.signal.aborted).toBe(true)
  using again = await shared.lock('held').acquire()
  expect(again.fence).toBeGreaterThan(held.fence)
  // What is no matter of leases is done in any case.
  await server.say('FLUSHALL')
  expect(await shared.counter('number').add(1)).toBe(0)
  expect(again.signal.aborted).toBe(true)
})
