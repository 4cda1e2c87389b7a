import { renameSync, writeFileSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { Backend } from '../../src/backends/backend.ts'
import { memory } from '../../src/backends/memory/memory-backend.ts'
import { sqlite } from '../../src/backends/sqlite/sqlite-backend.ts'
import { threadedSqlite } from '../../src/backends/sqlite/threaded-sqlite.ts'
import type { Job, NewJob } from '../../src/jobs/job.ts'
import { VirtualClock } from '../../src/kernel/virtual-clock.ts'
import { bytes, ids, newJob, request, succeed, woken } from '../../src/testing/backend-conformance/bench.ts'
import { sharedFolder } from '../support/temporary-folder.ts'

const folder = sharedFolder()

/** One after the other, each alone. */
async function publishAlone(backend: Backend, jobs: readonly NewJob[]): Promise<void> {
  for (const job of jobs) expect(await backend.publish([job])).toEqual([])
}

describe.each([['in process', sqlite], ['in a thread', threadedSqlite]] as const)('%s', (name, open) => {
  const opened = async (what: string): Promise<Backend & AsyncDisposable> => {
    const backend = await open(join(folder, `${name} ${what}.db`))
    return Object.assign(backend, { [Symbol.asyncDispose]: () => backend.close() })
  }

  test('a thousand that come one by one are handed out in their order, by every handle, and counted once', async () => {
    await using backend = await opened('one by one')
    await using other = await opened('one by one')
    const jobs = Array.from({ length: 1_000 }, () => newJob())
    await publishAlone(backend, jobs)
    expect((await other.stats()).queues['default']).toMatchObject({ ready: 1_000 })
    const { deliveries } = await other.reserve(request({ room: { thread: 1_000 } }))
    expect(deliveries.map(({ job }) => job)).toEqual(jobs.map(({ id }) => id))
    await other.settle(deliveries.map(succeed))
    expect((await backend.stats()).queues['default']).toMatchObject({ ready: 0, active: 0, succeeded: 1_000 })
  })

  test('what comes alone is read, listed, told of and counted at once, as what came with others', async () => {
    await using backend = await opened('read')
    const given = { priority: 3, tags: ['red'], payload: bytes('mine'), queue: 'own', task: 'other' }
    const many = Array.from({ length: 10 }, () => newJob(given))
    const alone = newJob(given)
    await backend.publish(many)
    await backend.publish([alone])
    const [first, last] = await backend.read([many[0]!.id, alone.id])
    expect(last).toEqual({ ...first, id: alone.id, createdAt: last!.createdAt, dueAt: last!.dueAt })
    const [before, story] = [await backend.story(many[0]!.id), await backend.story(alone.id)]
    expect(story).toEqual({ ...before, history: [{ ...before!.history[0], at: last!.createdAt }] })
    const all = [...many, alone].map(({ id }) => id)
    for (const filter of [{}, { state: 'ready' }, { queue: 'own', task: 'other' }, { tag: 'red' }] as const) {
      expect((await backend.list({ ...filter, limit: 100 })).map(({ id }) => id)).toEqual(all)
    }
    for (const filter of [{ queue: 'another' }, { tag: 'blue' }, { task: 'task' }, { state: 'active' }, { after: alone.id }] as const) {
      expect(await backend.list({ ...filter, limit: 100 })).toEqual([])
    }
    expect((await backend.list({ after: all[8]!, limit: 1 })).map(({ id }) => id)).toEqual([all[9]])
    expect((await backend.list({ after: all[9]!, limit: 1 })).map(({ id }) => id)).toEqual([all[10]])
    expect((await backend.stats()).queues).toMatchObject({ own: { ready: 11 } })
  })

  test('a list goes on behind what came alone as behind all else, whatever the order of the ids', async () => {
    await using backend = await opened('paged')
    const all = ['a1', 'a9', 'a5', 'a6', 'a3'].map((id) => newJob({ id }))
    await backend.publish(all.slice(0, 2))
    await publishAlone(backend, all.slice(2))
    const paged = async (filter: object, limit: number): Promise<string[]> => {
      const listed: Job[] = []
      for (;;) {
        const page = await backend.list({ ...filter, limit, ...(listed.length > 0 ? { after: listed.at(-1)!.id } : {}) })
        listed.push(...page)
        if (page.length < limit) return listed.map(({ id }) => id)
      }
    }
    for (const filter of [{}, { state: 'ready' }]) {
      for (const limit of [1, 2, 3, 4, 5]) expect(await paged(filter, limit)).toEqual(all.map(({ id }) => id))
    }
    // What it goes on behind has come out of it meanwhile.
    await backend.publish(Array.from({ length: 10 }, (_, at) => newJob({ id: `a7${at}` })))
    expect((await backend.list({ after: 'a6', limit: 2 })).map(({ id }) => id)).toEqual(['a3', 'a70'])
    const [delivery] = (await backend.reserve(request({ room: { thread: 1 } }))).deliveries
    const alone = newJob({ id: 'a2' })
    await backend.publish([alone])
    for (const state of ['active', 'succeeded', 'failed'] as const) expect(await backend.list({ state, after: alone.id, limit: 5 })).toEqual([])
    expect((await backend.list({ state: 'active', limit: 5 })).map(({ id }) => id)).toEqual([delivery!.job])
  })

  test('what came alone is read while a program has the file locked', async () => {
    await using backend = await opened('read under lock')
    const job = newJob()
    await backend.publish([job])
    const own = new DatabaseSync(join(folder, `${name} read under lock.db`))
    own.exec('BEGIN IMMEDIATE')
    expect((await backend.read([job.id]))[0]).toMatchObject({ state: 'ready' })
    expect((await backend.stats()).queues).toMatchObject({ default: { ready: 1 } })
    own.exec('COMMIT')
    own.close()
  })

  test('the same job twice is one', async () => {
    await using backend = await opened('twice')
    const [first, second] = [newJob(), newJob()]
    await publishAlone(backend, [first, first])
    const before = await backend.stats()
    expect(ids(await backend.reserve(request()))).toEqual([first.id])
    await publishAlone(backend, [first, second])
    expect((await backend.list({ limit: 10 })).map(({ id, state }) => [id, state])).toEqual([[first.id, 'active'], [second.id, 'ready']])
    const after = await backend.stats()
    expect([before, after].map(({ queues }) => [queues['default']!.ready, queues['default']!.active])).toEqual([[1, 0], [1, 1]])
    expect(ids(await backend.reserve(request()))).toEqual([second.id])
  })

  test('what was asked first is kept first, though the second could be kept at once', async () => {
    await using backend = await opened('order')
    const many = Array.from({ length: 10 }, () => newJob())
    const alone = newJob()
    await Promise.all([backend.publish(many), backend.publish([alone])])
    expect(ids(await backend.reserve(request({ room: { thread: 100 } })))).toEqual([...many, alone].map(({ id }) => id))
  })

  test('a program enqueues in its own transaction after what came alone before', async () => {
    await using backend = await opened('inside')
    const [alone, inside] = [newJob(), newJob()]
    await backend.publish([alone])
    const own = new DatabaseSync(join(folder, `${name} inside.db`))
    own.exec('BEGIN IMMEDIATE')
    backend.inside!(own).publish([inside])
    own.exec('COMMIT')
    own.close()
    expect(ids(await backend.reserve(request()))).toEqual([alone.id, inside.id])
  })

  test('a caller that awaits one after the other lets the loop turn', async () => {
    await using backend = await opened('turning')
    const turned = new AbortController()
    setImmediate(() => turned.abort())
    while (!turned.signal.aborted) await backend.publish([newJob()])
  })

  test('who listens is woken once for what comes alone: taking it wakes nobody', async () => {
    await using backend = await opened('wakes')
    await using other = await opened('wakes')
    let wakes = 0
    let first = Promise.withResolvers<void>()
    using _listening = other.listen(['default'], () => {
      wakes++
      first.resolve()
    })
    // What may be told for nothing as it begins is passed over.
    await other.read([])
    wakes = 0
    first = Promise.withResolvers()
    await backend.publish([newJob()])
    await first.promise
    await backend.reserve(request())
    using heard = await woken(other, ['second'])
    await backend.publish([newJob({ queue: 'second' })])
    await heard.heard
    expect(wakes).toBe(1)
  })
})

describe('a loop whose SQLite is in a thread', () => {
  const ready = (own: DatabaseSync): unknown[] => own.prepare('SELECT id FROM treadle_inbox UNION ALL SELECT id FROM treadle_jobs').all().map(({ id }) => id)

  test.each([['process', true], ['disk', false]] as const)("with durability '%s', that it writes small jobs itself is %s", async (durability, itself) => {
    const path = join(folder, `own ${durability}.db`)
    const backend = await threadedSqlite(path, { durability })
    const own = new DatabaseSync(path)
    const jobs = [newJob(), newJob()]
    for (const job of jobs) {
      const published = backend.publish([job])
      // In this turn of the loop nothing was asked of the thread.
      expect(ready(own).includes(job.id)).toBe(itself)
      expect(await published).toEqual([])
    }
    expect(ready(own)).toEqual(jobs.map(({ id }) => id))
    own.close()
    await backend.close()
  })

  test('waits for no lock: the thread does, and what comes meanwhile comes after', async () => {
    const path = join(folder, 'own locked.db')
    const backend = await threadedSqlite(path)
    const own = new DatabaseSync(path)
    const [before, ...jobs] = Array.from({ length: 5 }, () => newJob())
    await backend.publish([before!])
    own.exec('BEGIN IMMEDIATE')
    const published = jobs.slice(0, 2).map((job) => backend.publish([job]))
    expect(ready(own)).toEqual([before!.id])
    own.exec('COMMIT')
    // The file is free, but nobody has said yet that what came first is kept.
    published.push(backend.publish([jobs[2]!]))
    expect(ready(own)).not.toContain(jobs[2]!.id)
    await Promise.all(published)
    const last = backend.publish([jobs[3]!])
    expect(ready(own)).toContain(jobs[3]!.id)
    await last
    expect(ids(await backend.reserve(request()))).toEqual([before!, ...jobs].map(({ id }) => id))
    own.close()
    await backend.close()
  })

  test.each(['replaced by another file', 'deleted'])('notices that the file was %s, though it had written to it', async (what) => {
    const path = join(folder, `own ${what}.db`)
    const backend = await threadedSqlite(path)
    await backend.publish([newJob()])
    renameSync(path, `${path}.before`)
    if (what !== 'deleted') writeFileSync(path, '')
    for (const _ of [1, 2]) {
      await expect(backend.publish([newJob()])).rejects.toThrow(expect.objectContaining({ code: 'BACKEND_FAILED', message: expect.stringContaining(what) }))
    }
    await backend.close()
  })
})

test.skipIf((process.versions.sqlite ?? '4') < '3.51')('who carries the log over begins it anew as well, so that nobody else waits for the disk as he does', async () => {
  const path = join(folder, 'restarted.db')
  // Kept open: the last to close a file removes its log.
  const own = new DatabaseSync(path)
  const log = (): { frames: number, carried: number, restarts: number } => {
    const { log: frames, checkpointed: carried } = own.prepare('PRAGMA wal_checkpoint(NOOP)').get()!
    return { frames, carried, restarts: own.prepare("SELECT value FROM treadle_meta WHERE key = 'log_restarts'").get()?.['value'] ?? 0 } as ReturnType<typeof log>
  }
  const backend = await sqlite(path)
  const payload = new Uint8Array(1_000_000)
  for (let go = 0; go < 12; go++) {
    await backend.publish([newJob({ payload })])
    const { frames, carried } = log()
    expect(carried).toBeLessThan(frames)
  }
  expect(log().restarts).toBeGreaterThan(1)
  await backend.close()
  own.exec('PRAGMA wal_checkpoint(TRUNCATE)')
  const { restarts } = log()
  const again = await sqlite(path)
  expect(log()).toEqual({ frames: expect.any(Number), carried: 0, restarts: restarts + 1 })
  // Once it is begun, nothing more is written for it.
  await again.sweep(0)
  await again.sweep(0)
  expect(log().restarts).toBe(restarts + 1)
  await again.close()
  own.close()
})

test('what comes alone, of every kind and between all else that is done, is handed out as memory does it', async () => {
  const random = seeded(7)
  const pick = <T>(...of: readonly T[]): T => of[Math.floor(random() * of.length)]!
  const clock = new VirtualClock()
  const backends = [memory({ clock }), await sqlite(join(folder, 'as memory.db'), { clock })]
  const each = async <T>(call: (backend: Backend) => Promise<T>): Promise<void> => {
    const [expected, actual] = [await call(backends[0]!), await call(backends[1]!)]
    expect(actual).toEqual(expected)
  }
  for (let step = 0; step < 2_000; step++) {
    // Once a queue has had gates or keys, nothing of it is usual any more: so there are new ones.
    const queue = `${pick('a', 'b')}${step >> 6}`
    const paused = random() < 0.5
    const what = random() < 0.9 ? 'publish' : pick('gate', 'sweep', 'reserve', 'reserve')
    if (what === 'publish') {
      const job = newJob({ queue, priority: pick(0, 0, 5), ...pick<Partial<NewJob>>({}, {}, {}, {}, {}, { delay: 50 }, { expires: 400 }, { tags: ['t'] }, { payload: new Uint8Array(9_000) }, step % 20 === 0 ? { key: 'k' } : {}) })
      await each((backend) => backend.publish([job]))
    } else if (what === 'gate') await each((backend) => backend.gate([{ queue, paused }]))
    else if (what === 'sweep') await each((backend) => backend.sweep(1_000))
    else await each(async (backend) => ids(await backend.reserve(request({ queues: [queue], room: { thread: 7 } }))))
    if (random() < 0.1) await clock.advance(10)
  }
  const queues = Object.keys((await backends[0]!.stats()).queues)
  await each((backend) => backend.gate(queues.map((queue) => ({ queue, paused: false }))))
  for (const queue of queues) await each(async (backend) => ids(await backend.reserve(request({ queues: [queue], room: { thread: 500 } }))))
  await each(async (backend) => (await backend.stats()).queues)
  await each((backend) => backend.list({ limit: 5_000 }))
  for (const backend of backends) await backend.close()
})

/** Numbers from 0 to 1, the same each time. */
function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}
