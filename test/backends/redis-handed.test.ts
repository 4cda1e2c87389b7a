import { once } from 'node:events'
import { connect } from 'node:net'
import { expect, test as anyTest } from 'vitest'
import type { Backend } from '../../src/backends/backend.ts'
import type { Delivery, ReserveRequest } from '../../src/backends/broker.ts'
import { redis } from '../../src/backends/redis/redis-backend.ts'
import type { NewJob } from '../../src/jobs/job.ts'
import { VirtualClock } from '../../src/kernel/virtual-clock.ts'
import { bytes, error, ids, newJob, read, request, settlement, succeed } from '../../src/testing/backend-conformance/bench.ts'
import { RedisServer, relay, to } from '../support/redis-server.ts'
import { testWithRedis } from '../support/requirements.ts'

const test: typeof anyTest = testWithRedis()

/** A worker's handle, what it was handed, and a handle of who publishes. */
interface Bench extends AsyncDisposable {
  readonly server: RedisServer
  readonly clock: VirtualClock
  readonly backend: Backend
  readonly publisher: Backend
  readonly got: readonly Delivery[]
  /** The worker waits, of the queues and lines that are asked for. */
  readonly wait: (asked?: Partial<ReserveRequest>) => Promise<void>
  /** Publishes one. @returns where it stands then */
  readonly publish: (given?: Partial<NewJob>) => Promise<{ readonly id: string, readonly state: string }>
}

async function bench(): Promise<Bench> {
  const server = await RedisServer.start()
  const clock = new VirtualClock()
  const [backend, publisher] = await Promise.all([redis(server.url, { clock }), redis(server.url, { clock })])
  const got: Delivery[] = []
  backend.receive!('worker-1', (delivery) => got.push(delivery))
  await expect.poll(() => server.say('PUBSUB NUMSUB treadle:1:handed:0:worker-1')).toMatch(/:1\r\n$/)
  return {
    server, clock, backend, publisher, got,
    async wait(asked) {
      expect(ids(await backend.reserve(request({ waits: true, ...asked })))).toEqual([])
    },
    async publish(given) {
      const job = newJob(given)
      await publisher.publish([job])
      const { state } = await read(publisher, job.id)
      return { id: job.id, state }
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([backend.close(), publisher.close()])
      await server[Symbol.asyncDispose]()
    }
  }
}

test('what is published alone is handed to a worker that waits, and nobody else is woken', async () => {
  await using open = await bench()
  const { backend, publisher, got, wait, publish } = open
  let woken = 0
  const heard = Promise.withResolvers<void>()
  using _ = publisher.listen(['default', 'other'], () => {
    woken++
    heard.resolve()
  })
  await heard.promise
  woken = 0
  await wait({ queues: ['other', 'default'], room: { loop: 3, process: 1 } })
  const { id } = await publish({ place: 'process', priority: 7, payload: new Uint8Array(65_000).fill(10) })
  await expect.poll(() => ids({ deliveries: got, cancelling: [], nextDue: 0 })).toEqual([id])
  expect(got[0]).toMatchObject({ token: 1, attempt: 1, place: 'process', payload: new Uint8Array(65_000).fill(10) })
  expect(woken).toBe(0)
  // It is told that it is to stop, extends and settles as for any other.
  expect(await backend.extend('worker-1', [got[0]!], 60_000)).toEqual([])
  await publisher.commit([{ job: id, event: 'cancel' }])
  expect((await backend.reserve(request({ room: {} }))).cancelling).toEqual([{ job: id, token: 1 }])
  expect((await backend.settle([settlement(got[0]!, { event: 'stop' })])).stale).toEqual([])
  expect(await read(publisher, id)).toMatchObject({ state: 'cancelled' })
})

test.each<[string, Partial<ReserveRequest>, Partial<NewJob>]>([
  ['serves other queues', { queues: ['other'] }, {}],
  ['has no room for such', { room: { loop: 1, process: 0 } }, { place: 'process' }],
  ['serves no such', { room: { loop: 1 } }, { place: 'thread' }]
])('a worker is handed nothing that it could not have taken: one that %s', async (_, asked, given) => {
  await using open = await bench()
  await open.wait(asked)
  expect(await open.publish(given)).toMatchObject({ state: 'ready' })
})

test.each<[string, Partial<NewJob>]>([
  ['that is to run later', { delay: 1_000 }],
  ['that may expire', { expires: 1_000 }],
  ['with a key', { key: 'tenant' }],
  ['that is large', { payload: new Uint8Array(66_000) }]
])('a job %s is published as ever', async (_, given) => {
  await using open = await bench()
  await open.wait()
  expect((await open.publish(given)).state).not.toBe('active')
  expect(open.got).toEqual([])
})

test('nothing is handed past a job that waits, or has fallen due; nor into a queue with a gate', async () => {
  await using open = await bench()
  const { backend, publisher, clock, got, wait, publish } = open
  await publish({ delay: 1_000 })
  await wait()
  await clock.advance(1_000)
  expect(await publish()).toMatchObject({ state: 'ready' })
  await backend.settle((await backend.reserve(request())).deliveries.map(succeed))
  await wait()
  await publisher.publish([newJob(), newJob()])
  expect(await publish()).toMatchObject({ state: 'ready' })
  await backend.settle((await backend.reserve(request())).deliveries.map(succeed))
  await wait({ queues: ['other', 'default'] })
  await publisher.publish([newJob({ queue: 'other' }), newJob({ queue: 'other' })])
  expect(await publish()).toMatchObject({ state: 'ready' })
  await backend.settle((await backend.reserve(request({ queues: ['other', 'default'] }))).deliveries.map(succeed))
  await wait()
  await publisher.gate([{ queue: 'default', paused: true }])
  expect(await publish()).toMatchObject({ state: 'ready' })
  expect(got).toEqual([])
})

test.each<[string, (open: Bench) => Promise<unknown>]>([
  ['has asked again, and does not wait', ({ backend }) => backend.reserve(request())],
  ['has asked again, through another handle', ({ publisher }) => publisher.reserve(request())],
  ['has asked again as it ended something that was unusual', async ({ backend, publisher, wait, got, publish }) => {
    await publish()
    await expect.poll(() => got.length).toBe(1)
    await wait()
    await backend.settle([settlement(got[0]!, { event: 'fail', error })], request())
    await publisher.commit([{ job: got[0]!.job, event: 'revive' }])
    await backend.settle((await backend.reserve(request())).deliveries.map(succeed))
  }],
  ['has taken something as it asked', async ({ backend, publisher }) => {
    await publisher.publish([newJob(), newJob()])
    await backend.reserve(request({ waits: true }))
  }],
  ['is about to end', ({ backend }) => backend.announce('worker-1')],
  ['has left', ({ backend }) => backend.leave('worker-1')],
  ['has lost its lease', ({ clock }) => clock.advance(60_000)]
])('a worker is handed nothing that %s', async (_, happens) => {
  await using open = await bench()
  const { wait, publish, got } = open
  await wait()
  await happens(open)
  const before = got.length
  expect(await publish()).toMatchObject({ state: 'ready' })
  expect(got).toHaveLength(before)
})

test('where nobody hears for a worker that waits, the job is published as ever, and that worker is not tried again', async () => {
  await using open = await bench()
  const { server, wait, publish, backend } = open
  await server.say('ACL SETUSER default resetchannels &treadle:1:news &treadle:1:ended &treadle:1:shared')
  await wait()
  expect(await publish()).toMatchObject({ state: 'ready' })
  await server.say('ACL SETUSER default allchannels')
  await backend.settle((await backend.reserve(request({ worker: 'gone', waits: true }))).deliveries.map(succeed))
  await backend.reserve(request({ worker: 'gone', waits: true }))
  // Who hears all is no worker; nor is one of the same name in another database this one.
  const all = connect(server.port, '127.0.0.1')
  all.write('PSUBSCRIBE *\r\n')
  await once(all, 'data')
  const elsewhere = await redis(`${server.url}/1`)
  elsewhere.receive!('gone', () => {})
  await expect.poll(() => server.say('PUBSUB NUMSUB treadle:1:handed:1:gone')).toMatch(/:1\r\n$/)
  expect(await publish()).toMatchObject({ state: 'ready' })
  all.destroy()
  await elsewhere.close()
  expect(await server.say('HLEN treadle:1:idle')).toBe(':0\r\n')
})

test('of several that wait each is handed one', async () => {
  await using open = await bench()
  const { server, clock, publish } = open
  const workers = await Promise.all(['worker-2', 'worker-3', 'worker-4'].map(async (worker) => {
    const own = await redis(server.url, { clock })
    const got: Delivery[] = []
    own.receive!(worker, (delivery) => got.push(delivery))
    await expect.poll(() => server.say(`PUBSUB NUMSUB treadle:1:handed:0:${worker}`)).toMatch(/:1\r\n$/)
    await own.reserve(request({ worker, waits: true }))
    return { own, got }
  }))
  for (let job = 0; job < 3; job++) expect(await publish()).toMatchObject({ state: 'active' })
  await expect.poll(() => workers.map(({ got }) => got.length)).toEqual([1, 1, 1])
  expect(await publish()).toMatchObject({ state: 'ready' })
  await Promise.all(workers.map(({ own }) => own.close()))
})

test('a job that was handed and did not arrive goes back, as one whose reservation was not heard of', async () => {
  await using open = await bench()
  const { backend, clock, wait, publish } = open
  await wait()
  const { id } = await publish()
  for (let beat = 0; beat < 2; beat++) {
    await backend.extend('worker-1', [], 60_000)
    expect(await read(backend, id)).toMatchObject({ state: 'active' })
    await clock.advance(59_999)
  }
  await clock.advance(2)
  await backend.extend('worker-1', [], 60_000)
  expect(await read(backend, id)).toMatchObject({ state: 'ready' })
})

test('what was on its way when the connection broke comes when it is made again, once', async () => {
  await using open = await bench()
  const { server, clock, publish } = open
  let isDeaf = false
  const handle = to(server)
  await using line = await relay((socket) => {
    const write = socket.write.bind(socket)
    socket.write = (some: Uint8Array) => isDeaf || write(some)
    handle(socket)
  })
  const backend = await redis(line.url, { clock })
  const got: Delivery[] = []
  backend.receive!('worker-2', (delivery) => got.push(delivery))
  const isHeard = (): Promise<void> => expect.poll(() => server.say('PUBSUB NUMSUB treadle:1:handed:0:worker-2')).toMatch(/:1\r\n$/)
  await isHeard()
  await backend.reserve(request({ worker: 'worker-2', waits: true }))
  isDeaf = true
  const { id, state } = await publish({ payload: bytes('lost\n, and found') })
  expect(state).toBe('active')
  await line.cut()
  isDeaf = false
  await line.restore()
  await expect.poll(() => got).toMatchObject([{ job: id, token: 1, payload: bytes('lost\n, and found') }])
  // It has it now, and is not told again; nor of what it holds no more.
  for (const isOver of [false, true]) {
    if (isOver) await backend.settle([succeed(got[0]!)])
    await line.cut()
    await server.say('CONFIG RESETSTAT')
    await line.restore()
    // It has asked, and was answered.
    await expect.poll(() => server.say('INFO commandstats')).toMatch(/cmdstat_evalsha:calls=1,/)
    await backend.read([])
    expect(got).toHaveLength(1)
  }
  await backend.reserve(request({ worker: 'worker-2', waits: true }))
  const after = await publish()
  await expect.poll(() => got.map(({ job }) => job)).toEqual([id, after.id])
  await backend.close()
})

test('who may not hear what is handed over is handed nothing, and hears all else', async () => {
  await using open = await bench()
  const { server, clock, publish } = open
  await server.say('ACL SETUSER app on nopass ~* +@all resetchannels &treadle:1:news &treadle:1:ended &treadle:1:shared')
  const backend = await redis(server.url.replace('//', '//app:any@'), { clock })
  const connected = async (): Promise<void> => {
    const { promise, resolve } = Promise.withResolvers<void>()
    using _ = backend.listen(['default'], resolve)
    await promise
  }
  backend.receive!('worker-2', () => {})
  await connected()
  await backend.reserve(request({ worker: 'worker-2', waits: true }))
  expect(await publish()).toMatchObject({ state: 'ready' })
  const again = connected()
  await server.say('CLIENT KILL TYPE pubsub')
  await again
  await backend.close()
})

test('a worker hears no more once that is over', async () => {
  await using open = await bench()
  const { server, backend, publish } = open
  const receiving = backend.receive!('worker-2', () => {})
  await expect.poll(() => server.say('PUBSUB NUMSUB treadle:1:handed:0:worker-2')).toMatch(/:1\r\n$/)
  receiving[Symbol.dispose]()
  await expect.poll(() => server.say('PUBSUB NUMSUB treadle:1:handed:0:worker-2')).toMatch(/:0\r\n$/)
  await backend.reserve(request({ worker: 'worker-2', waits: true }))
  expect(await publish()).toMatchObject({ state: 'ready' })
})
