import { spawnSync } from 'node:child_process'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import { expect } from 'vitest'
import type { Backend } from '../../src/backends/backend.ts'
import { type RedisOptions, redis } from '../../src/backends/redis/redis-backend.ts'
import { openBackend } from '../../src/backends/registry.ts'
import type { ServerTimes } from '../../src/backends/redis/line.ts'
import { scriptOf } from '../../src/backends/redis/script.ts'
import { Server } from '../../src/backends/redis/server.ts'
import { type LogFields, lineLogger, silentLogger } from '../../src/kernel/logger.ts'
import { deliver, ids, newJob, read, request, settlement, succeed, watched, woken } from '../../src/testing/backend-conformance/bench.ts'
import { RedisServer, relay, to } from '../support/redis-server.ts'
import { testWithRedis } from '../support/requirements.ts'

const test = testWithRedis()

test('a server that may evict keys is refused, with what to set', async () => {
  await using server = await RedisServer.start('--maxmemory-policy', 'allkeys-lru')
  await fails(redis(server.url), /maxmemory-policy allkeys-lru.*Set: CONFIG SET maxmemory-policy noeviction/)
  await server.say('CONFIG SET maxmemory-policy noeviction')
  await (await redis(server.url)).close()
})

test('where nothing listens, or no Redis, that is said soon, and the program can end', async () => {
  await using server = await RedisServer.start()
  await server.kill()
  await fails(Server.connect(server.url, 'treadle', silentLogger, { connect: 100 }), /nothing listens there\. Start the server/)
  const program = `import { redis } from ${JSON.stringify(join(import.meta.dirname, '../../src/backends/redis/redis-backend.ts'))}\nawait redis('${server.url}').catch((error) => console.log(error.code))`
  expect(spawnSync(process.execPath, ['--input-type=module', '-e', program], { timeout: 10_000, encoding: 'utf8' })).toMatchObject({ status: 0, stdout: 'BACKEND_FAILED\n' })
  await using rubbish = await relay((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'))
  await fails(redis(rubbish.url), /what answers there is not Redis/)
  await using silent = await relay(() => {})
  await fails(Server.connect(silent.url, 'treadle', silentLogger, { connect: 100 }), /nothing answered there as Redis does, for 100 ms/)
})

test('a server that is being restarted is waited for', async () => {
  await using server = await RedisServer.start()
  await server.kill()
  let restarted: Promise<void> | undefined
  const log = lineLogger('warn', ({ msg }) => { if (msg === 'the server cannot be reached; it is tried again for 5000 ms') restarted ??= server.start() })
  const opened = await Server.connect(server.url, 'treadle', log)
  await opened.ping()
  await opened.close()
  await restarted
})

test('a server that hangs up at first is tried again; one that then says nothing is told from one that is not there', async () => {
  await using server = await RedisServer.start()
  let greeted = 0
  await using way = await relay((socket) => ++greeted <= 2 ? socket.destroy() : to(server)(socket))
  await (await Server.connect(way.url, 'treadle', silentLogger)).close()
  expect(greeted).toBe(3)
  await using silent = await relay((socket) => ++greeted === 4 && socket.destroy())
  await fails(Server.connect(silent.url, 'treadle', silentLogger, { connect: 300 }), /nothing answered there as Redis does, for 300 ms/)
})

test('a password that is missing, wrong or not a URL is told without it', async () => {
  await using server = await RedisServer.start('--requirepass', 'secret')
  const url = (password: string): string => server.url.replace('//', `//:${password}@`)
  await fails(redis(server.url), /asks for a password\. Put it into the URL/)
  const wrong = await redis(url('guessed')).catch((error: unknown) => error) as Error
  expect(wrong).toMatchObject({ code: 'BACKEND_FAILED', message: expect.stringMatching(/refuses this user and password/) })
  expect(wrong.message).not.toContain('guessed')
  const broken = await redis(url('100%')).catch((error: unknown) => error) as Error
  expect(broken).toMatchObject({ code: 'INVALID_OPTION', message: expect.stringMatching(/written as %XX/) })
  expect(broken.message).not.toContain('100%')
  await (await redis(url('secret'))).close()
})

test('a valkey: URL means what the same redis: URL does', async () => {
  await using server = await RedisServer.start()
  const [one, same] = await Promise.all([`${server.url}?prefix=shop`, `${server.url.replace('redis:', 'Valkey:')}?prefix=shop`].map((url) => openBackend(url)))
  const { job } = await deliver(one!)
  expect(await read(same!, job)).toMatchObject({ state: 'active' })
  await Promise.all([one!.close(), same!.close()])
})

test('a user needs the rights that the error names, each of them, and no more', async () => {
  await using server = await RedisServer.start()
  const url = server.url.replace('//', '//app:secret@')
  const use = async (...rights: string[]): Promise<void> => {
    await server.say(`ACL SETUSER app reset on >secret ${rights.join(' ')}`)
    await using backend = await open(url)
    using listener = await woken(backend, ['default'])
    const delivery = await deliver(backend)
    using watch = watched(backend, [delivery.job])
    await Promise.all([listener.heard, backend.settle([succeed(delivery)]), watch.all])
    await Promise.all([backend.sweep(1_000), backend.stats(), backend.list({ limit: 10 }), backend.story(delivery.job), backend.leave('worker-1')])
    await backend.purge({ states: ['succeeded'], olderThan: 0, limit: 10 })
  }
  const refused = await use('~treadle:*').catch((error: unknown) => error) as Error
  const rights = /ACL SETUSER NAME (.*)\.$/.exec(refused.message)![1]!.split(' ')
  for (const right of rights) if (!right.startsWith('-')) await fails(use(...rights.filter((one) => one !== right)), /this user may not run what is needed/)
  await use(...rights)
})

test('a full memory refuses new jobs and keeps nothing of them; what makes room goes on', async () => {
  await using server = await RedisServer.start('--maxmemory', '4mb')
  await using backend = await open(server.url)
  const ended = await deliver(backend)
  await backend.settle([succeed(ended)])
  const delivery = await deliver(backend)
  const kept: string[] = []
  const fill = async (): Promise<never> => {
    for (;;) {
      const jobs = [newJob({ payload: new Uint8Array(50_000) }), newJob()]
      await backend.publish(jobs)
      kept.push(...jobs.map(({ id }) => id))
    }
  }
  await fails(fill(), /has no memory left\. Nothing of this call was kept; raise maxmemory, or purge/)
  expect((await backend.stats()).queues['default']).toMatchObject({ ready: kept.length, active: 1 })
  expect((await backend.purge({ states: ['succeeded'], olderThan: 0, limit: 10 })).jobs).toEqual([ended.job])
  expect(await backend.settle([succeed(delivery)], request({ room: { thread: 1 } }))).toMatchObject({ stale: [], reservation: { deliveries: [{ job: kept.shift() }] } })
  expect(await backend.extend('worker-1', [], 60_000)).toEqual([])
  await Promise.all([backend.sweep(1_000), backend.announce('worker-1'), backend.commit([{ job: kept.at(-1)!, event: 'cancel' }])])
  kept.pop()
  await fails(backend.publish([newJob()]), /has no memory left/)
  await server.say('CONFIG SET maxmemory 0')
  const after = newJob()
  await backend.publish([after])
  expect(ids(await backend.reserve(request({ room: { thread: 1_000 } })))).toEqual([...kept, after.id])
})

test('scripts that the server has forgotten are sent again', async () => {
  await using server = await RedisServer.start()
  await using backend = await open(server.url)
  const first = await deliver(backend)
  await server.say('SCRIPT FLUSH')
  await backend.settle([succeed(first)])
  await server.say('SCRIPT FLUSH')
  expect(await deliver(backend)).toMatchObject({ attempt: 1 })
})

test('a restart: jobs are kept, calls wait for it, one under way may be repeated, listeners and watches go on', async () => {
  await using server = await RedisServer.start('--appendonly', 'yes')
  await using backend = await open(server.url)
  await using impatient = await connected(server, { patience: 100 })
  const [job, held] = [newJob(), await deliver(backend)]
  using listener = await woken(backend, ['default'])
  using watch = watched(backend, [held.job])
  server.stop()
  const lost = fails(backend.publish([job]), /the connection broke.*cannot be told; it may be repeated/)
  // Its look is under way when the connection breaks.
  using late = watched(backend, [held.job])
  await server.kill()
  await lost
  await impatient.ping().catch(() => {})
  await fails(impatient.ping(), /nothing answered there for 100 ms\. Nothing of this call was kept/)
  const again = backend.publish([job])
  await server.start()
  await Promise.all([again, listener.heard])
  await backend.publish([job])
  expect((await backend.stats()).queues['default']).toMatchObject({ ready: 1, active: 1 })
  await backend.settle([succeed(held)])
  expect(await watch.all).toMatchObject([{ job: held.job, state: 'succeeded' }])
  expect(await late.all).toHaveLength(1)
  await impatient.ping()
})

test('a restart that loses all: the jobs are gone, and waited for as any that are not known yet', async () => {
  await using server = await RedisServer.start()
  await using backend = await open(server.url)
  const { job } = await deliver(backend)
  using watch = watched(backend, [job])
  using listener = await woken(backend, ['default'])
  await server.kill()
  await server.start()
  await listener.heard
  expect(await backend.read([job])).toEqual([undefined])
  await backend.settle([succeed(await deliver(backend, { id: job }))])
  expect(await watch.all).toMatchObject([{ job, state: 'succeeded' }])
})

test('an end that came while the connection was down is told once it is back', async () => {
  await using server = await RedisServer.start()
  await using line = await relay(to(server))
  await using backend = await open(line.url)
  await using other = await open(server.url)
  const delivery = await deliver(other)
  using watch = watched(backend, [delivery.job])
  await read(backend, delivery.job)
  await line.cut()
  await other.settle([succeed(delivery)])
  await line.restore()
  expect(await watch.all).toMatchObject([{ job: delivery.job, state: 'succeeded' }])
})

test('a primary that became a replica says so, and where its name means the new one by then, that is found', async () => {
  await using first = await RedisServer.start('--repl-diskless-sync-delay', '0')
  await using second = await RedisServer.start()
  let primary = first
  await using name = await relay((socket) => to(primary)(socket))
  await using backend = await open(name.url)
  await using fixed = await open(first.url)
  const { job } = await deliver(backend)
  await second.say(`REPLICAOF 127.0.0.1 ${first.port}`)
  await expect.poll(() => second.say('INFO replication'), { timeout: 20_000 }).toContain('master_link_status:up')
  await second.say('REPLICAOF NO ONE')
  await first.say(`REPLICAOF 127.0.0.1 ${second.port}`)
  primary = second
  await fails(backend.publish([newJob()]), /is a replica and may not be written\. Nothing of this call was kept; connect to the primary/)
  await backend.publish([newJob()])
  expect((await backend.stats()).queues['default']).toMatchObject({ ready: 1, active: 1 })
  await fails(fixed.publish([newJob()]), /is a replica/)
  await first.say('REPLICAOF NO ONE')
  await fixed.publish([newJob()])
  expect((await read(fixed, job)).state).toBe('active')
})

test('calls wait for a server that is loading its data, for a while', async () => {
  await using server = await RedisServer.start('--enable-debug-command', 'yes', '--key-load-delay', '500', '--loading-process-events-interval-bytes', '1024')
  await using before = await open(server.url)
  const { job } = await deliver(before)
  await server.say('DEBUG POPULATE 2000')
  await server.say('SAVE')
  await server.kill()
  await server.start(/^-LOADING/)
  await using during = await open(server.url)
  await using impatient = await connected(server, { patience: 0 })
  await fails(impatient.ping(), /still loading its data from the disk\. Nothing of this call was kept/)
  expect(await Promise.all([read(before, job), read(during, job)])).toMatchObject([{ state: 'active' }, { state: 'active' }])
})

test('a server that has fallen silent is given up, and found again; one that is idle is kept, and so it is when this process stalls', async () => {
  await using server = await RedisServer.start()
  const lines: LogFields[] = []
  await using backend = await connected(server, { heartbeat: 100, patience: 150 }, lines)
  const heard = Promise.withResolvers<void>()
  let connections = 0
  backend.attend({ news() {}, ended() {}, succeeded() {}, shared() {}, connected: () => { if (++connections === 2) heard.resolve() } })
  await expect.poll(async () => Number(/cmdstat_ping:calls=(\d+)/.exec(await server.say('INFO commandstats'))?.[1] ?? 0), { timeout: 10_000 }).toBeGreaterThan(10)
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 500)
  await backend.ping()
  expect({ lines, connections }).toEqual({ lines: [], connections: 1 })
  server.stop()
  await fails(backend.ping(), /no answer came, and the connection was given up\. Whether this call was kept cannot be told/)
  await fails(backend.ping(), /nothing answered there for 150 ms/)
  server.continue()
  await heard.promise
  await expect.poll(() => backend.ping().then(() => 'answered', String)).toBe('answered')
})

test('a server that has much to do is not given up while it answers', async () => {
  await using server = await RedisServer.start()
  const lines: LogFields[] = []
  await using backend = await connected(server, { heartbeat: 300 }, lines)
  const busy = scriptOf('', 'for count = 1, 50000 do end return 1', false)
  expect(new Set(await Promise.all(Array.from({ length: 10_000 }, () => backend.run(busy, {}))))).toEqual(new Set([1]))
  expect(lines).toEqual([])
})

test('a connection on which arrives what makes no sense is made again', async () => {
  await using server = await RedisServer.start()
  const sockets: Socket[] = []
  await using line = await relay((socket) => {
    sockets.push(socket)
    to(server)(socket)
  })
  await using backend = await open(line.url)
  const { job } = await deliver(backend)
  sockets[0]!.write('rubbish\r\n')
  await expect.poll(() => read(backend, job).then(({ state }) => state, String)).toBe('active')
  await expect.poll(() => sockets.length).toBe(2)
})

test('two prefixes on a server know nothing of each other', async () => {
  await using server = await RedisServer.start()
  await using shop = await open(server.url, { prefix: 'shop' })
  await using other = await open(server.url, { prefix: 'other' })
  using heard = await woken(shop, ['default'])
  let woke = 0
  using _ = other.listen(['default'], () => { woke++ })
  await expect.poll(() => woke).toBe(1)
  const delivery = await deliver(shop)
  await heard.heard
  expect(await other.read([delivery.job])).toEqual([undefined])
  expect(await other.stats()).toEqual({ queues: {}, workers: [], oldestReady: 0 })
  expect(ids(await other.reserve(request()))).toEqual([])
  expect(await other.settle([settlement(delivery, { event: 'release' })])).toMatchObject({ stale: [{ job: delivery.job }] })
  expect((await shop.stats()).workers).toMatchObject([{ active: 1 }])
  expect(woke).toBe(1)
})

async function fails(what: Promise<unknown>, message: RegExp): Promise<void> {
  await expect(what).rejects.toMatchObject({ code: 'BACKEND_FAILED', message: expect.stringMatching(message) })
}

async function open(url: string, options: RedisOptions = {}): Promise<Backend & AsyncDisposable> {
  const backend = await redis(url, options)
  return Object.assign(backend, { [Symbol.asyncDispose]: () => backend.close() })
}

/** With times of the test's own; what it warns of is added to `lines`. */
async function connected({ url }: RedisServer, times: Partial<ServerTimes>, lines: LogFields[] = []): Promise<Server & AsyncDisposable> {
  const server = await Server.connect(url, 'treadle', lineLogger('warn', (line) => lines.push(line)), times)
  return Object.assign(server, { [Symbol.asyncDispose]: () => server.close() })
}
