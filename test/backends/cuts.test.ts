import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { Worker } from 'node:worker_threads'
import { afterAll, describe, expect, test } from 'vitest'
import type { Backend } from '../../src/backends/backend.ts'
import { redis } from '../../src/backends/redis/redis-backend.ts'
import { sqlite } from '../../src/backends/sqlite/sqlite-backend.ts'
import type { VirtualClock } from '../../src/kernel/virtual-clock.ts'
import { BackendError } from '../../src/kernel/errors.ts'
import type { Asked } from '../fixtures/backends/dying-thread.ts'
import { cutHistories as histories } from '../support/histories.ts'
import { Fuse, RedisServer, relay } from '../support/redis-server.ts'
import { testWith } from '../support/requirements.ts'
import { Fate, fated, letFatesHappen } from '../support/sqlite-faults.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { type CutPlace, type Cuttable, type Tally, replayCut } from './cut-histories.ts'

let places = 0
const timeout = 60_000 + histories.runs * 1_000

function redisPlace(server: RedisServer, clock: VirtualClock): CutPlace {
  const prefix = `cut-${++places}`
  const opened = new AsyncDisposableStack()
  return {
    async open(): Promise<Cuttable> {
      const fuse = new Fuse()
      const line = opened.use(await relay(fuse.to(server)))
      const backend = await redis(line.url, { prefix, clock })
      opened.defer(() => backend.close())
      return {
        backend, afterwards: 'unknown',
        cut: (way, after) => fuse.arm(way, after),
        get cuts() { return fuse.blown },
        drop: () => line.cut()
      }
    },
    async observe() {
      const backend = await redis(server.url, { prefix, clock })
      opened.defer(() => backend.close())
      return backend
    },
    leftovers: async () => (await server.say(`KEYS ${prefix}:*`)).split('\r\n').filter((line) => line.startsWith(prefix) && !/:(gated|queues|counts)$/.test(line)),
    [Symbol.asyncDispose]: () => opened.disposeAsync()
  }
}

letFatesHappen()

type OpenFile = (path: string, clock: VirtualClock) => Promise<Cuttable>

/** A handle in this thread. */
function here(then: 'fails' | 'dies'): OpenFile {
  return async (path, clock) => {
    const fate = new Fate(then)
    const backend = await fated(fate, () => sqlite(path, { clock }))
    return {
      backend,
      afterwards: then === 'fails' ? 'undone' : 'dead',
      cut: (way, after) => fate.arm(way, after),
      get cuts() { return fate.count },
      async drop() { if (fate.isDead) fate.database!.close() }
    }
  }
}

function filePlace(path: string, clock: VirtualClock, open: OpenFile): CutPlace {
  const opened = new AsyncDisposableStack()
  return {
    async open() {
      const handle = await open(path, clock)
      // Of one that died it fails.
      opened.defer(() => handle.backend.close().catch(() => {}))
      return handle
    },
    observe: async () => opened.adopt(await sqlite(path, { clock }), (backend) => backend.close()),
    async leftovers() {
      using db = new DatabaseSync(path)
      const tables = db.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name LIKE 'treadle%' AND name NOT IN ('treadle_meta', 'treadle_queues', 'treadle_gated', 'treadle_ended')").all().map(({ name }) => String(name))
      return tables.flatMap((table) => db.prepare(`SELECT * FROM ${table}`).all().map((row) => `${table} ${JSON.stringify(row)}`))
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync()
  }
}

/** A handle in a thread, which ends in earnest. */
async function inThread(path: string, clock: VirtualClock): Promise<Cuttable> {
  const thread = new Worker(new URL('../fixtures/backends/dying-thread.ts', import.meta.url), { workerData: { path, now: clock.now() }, execArgv: [] })
  const opened = Promise.withResolvers<unknown>()
  /** In the order asked. */
  const unanswered = [opened]
  let ended = false
  const lost = (): void => {
    for (const call of unanswered.splice(0)) call.reject(new BackendError('the thread ended'))
  }
  thread.on('message', (answer: unknown) => unanswered.shift()!.resolve(answer))
  thread.on('exit', () => {
    ended = true
    lost()
  })
  const ask = (asked: Asked): void => thread.postMessage(asked, [])
  const call = (does: keyof Backend) => (...args: readonly unknown[]): Promise<unknown> => {
    const answer = Promise.withResolvers<unknown>()
    unanswered.push(answer)
    if (ended) lost()
    else ask({ does, args, now: clock.now() })
    return answer.promise
  }
  await opened.promise
  return {
    backend: new Proxy({} as Backend, { get: (_, name) => call(name as keyof Backend) }),
    afterwards: 'dead',
    cut: (way, after) => ask({ way, after }),
    get cuts() { return ended ? 1 : 0 },
    drop: async () => void await thread.terminate()
  }
}

/** So that a run in which nothing was cut shows. */
function report({ histories: runs, cuts, lost, done, drops }: Tally): void {
  console.log(`${runs} histories, ${cuts} cuts: ${lost} calls were not answered, of which ${done} had been done; ${drops} handles went`)
  expect(cuts).toBeGreaterThan(runs)
}

describe('random histories, cut off', () => {
  let server: Promise<RedisServer> | undefined
  afterAll(async () => (await server)?.[Symbol.asyncDispose]())

  testWith(['redis-server', '--version'], 'apt-get install redis-server')('connections to a server break at any byte, and handles go', { timeout }, async () => {
    const started = await (server ??= RedisServer.start())
    report(await replayCut((clock) => redisPlace(started, clock), { ...histories, lanes: 8 }))
  })

  const files = { 'a statement in a file fails': here('fails'), 'who uses a file dies between any two statements': here('dies'), 'a thread that uses a file ends between any two statements': inThread }
  for (const [name, open] of Object.entries(files)) {
    test(`${name}, and handles go`, { timeout }, async () => {
      using folder = temporaryFolder()
      const runs = open === inThread ? Math.ceil(histories.runs / 20) : histories.runs
      report(await replayCut((clock) => filePlace(join(folder.path, `${++places}.db`), clock, open), { ...histories, runs }))
    })
  }
})
