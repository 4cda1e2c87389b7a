import { DatabaseSync } from 'node:sqlite'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import type { Backend } from '../../src/backends/backend.ts'
import { sqlite } from '../../src/backends/sqlite/sqlite-backend.ts'
import { threadedSqlite } from '../../src/backends/sqlite/threaded-sqlite.ts'
import { systemClock } from '../../src/kernel/clock.ts'
import { VirtualClock } from '../../src/kernel/virtual-clock.ts'
import { deliver, ids, newJob, ref, request } from '../../src/testing/backend-conformance/bench.ts'
import { TestProcess } from '../support/processes.ts'
import { sharedFolder } from '../support/temporary-folder.ts'

const folder = sharedFolder()
const holdLock = join(import.meta.dirname, '../fixtures/backends/hold-lock.ts')
const lockHeld = 500
/** How much longer the loop may stand still for the lock's sake, in milliseconds. */
const longestStall = 20
/** The machine stalls every loop, now and then; what stalls it for the lock's sake does so each time. So the least of them counts. */
const tries = 5

/** Publishes without pause; the longest that the loop stood still in as much time as a lock is held, in milliseconds. */
async function longestStallOf(backend: Backend): Promise<number> {
  const delay = monitorEventLoopDelay({ resolution: 1 })
  delay.enable()
  await measured(delay)
  const jobs = Array.from({ length: 200 }, () => newJob())
  await Promise.all([systemClock.sleep(lockHeld), ...jobs.map((job) => backend.publish([job]))])
  await measured(delay)
  delay.disable()
  expect((await backend.read(jobs.map(({ id }) => id))).map((job) => job?.state)).toEqual(jobs.map(() => 'ready'))
  return delay.max / 1e6
}

/** What blocks the loop before it was measured once, or after the last time, would not be seen. */
async function measured(delay: ReturnType<typeof monitorEventLoopDelay>): Promise<void> {
  for (const { count } = delay; delay.count === count;) await nextTurn()
}

/** The same while another process holds the lock. */
async function longestStallUnderLock(backend: Backend, path: string): Promise<number> {
  await using holder = new TestProcess(holdLock, [path, String(lockHeld)])
  await holder.line((line) => line === 'locked')
  const stall = await longestStallOf(backend)
  await holder.line((line) => line === 'released')
  return stall
}

describe.each([['in a thread', threadedSqlite], ['in process', sqlite]] as const)('%s', (name, open) => {
  test('while another process holds the lock the loop turns, and every publish succeeds', async () => {
    const path = join(folder, `locked ${name}.db`)
    const backend = await open(path)
    await backend.publish([newJob()])
    const free: number[] = []
    const locked: number[] = []
    for (let attempt = 0; attempt < tries; attempt++) {
      free.push(await longestStallOf(backend))
      locked.push(await longestStallUnderLock(backend, path))
    }
    // A loop that waits for the lock stands still for all of the time that it is held, each time.
    const bound = Math.min(longestStall + median(free), lockHeld / 2)
    expect(Math.min(...locked), `locked ${locked.join(', ')}; free ${free.join(', ')}`).toBeLessThan(bound)
    await backend.close()
  })
})

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!
}

/** A backend on a clock of its own, and another connection that locks its file. */
async function lockable(name: string): Promise<{ backend: Backend, clock: VirtualClock, lock: () => void, unlock: () => void } & AsyncDisposable> {
  const clock = new VirtualClock()
  const path = join(folder, `${name}.db`)
  const backend = await sqlite(path, { clock, busyTimeout: '30s' })
  const other = new DatabaseSync(path)
  return {
    backend,
    clock,
    lock: () => other.exec('BEGIN IMMEDIATE'),
    unlock: () => other.exec('COMMIT'),
    async [Symbol.asyncDispose]() {
      other.close()
      await clock.runUntil(backend.close())
    }
  }
}

test('a lock that is held too long is an error that says so, and nothing was done', async () => {
  await using bench = await lockable('held too long')
  const { backend, clock } = bench
  const job = newJob()
  bench.lock()
  const began = clock.elapsed()
  const refused = backend.publish([job]).catch((error: unknown) => error)
  expect(await clock.runUntil(refused)).toMatchObject({ code: 'BACKEND_FAILED', message: expect.stringMatching(/locked by another process/) })
  expect(clock.elapsed() - began).toBeGreaterThanOrEqual(30_000)
  expect(clock.elapsed() - began).toBeLessThan(30_010)
  bench.unlock()
  expect(await backend.read([job.id])).toEqual([undefined])
})

test('what waits for the lock is done in the order asked', async () => {
  await using bench = await lockable('in order')
  const { backend, clock } = bench
  const jobs = Array.from({ length: 20 }, () => newJob())
  bench.lock()
  const published = Promise.all(jobs.map((job) => backend.publish([job])))
  await clock.advance(100)
  bench.unlock()
  await clock.runUntil(published)
  expect(ids(await backend.reserve(request({ room: { thread: 100 } })))).toEqual(jobs.map(({ id }) => id))
})

test('a sweep that had to wait for long rescues nothing, and says so', async () => {
  await using bench = await lockable('stalled')
  const { backend, clock } = bench
  const delivery = await deliver(backend, {}, { lease: 1_000 })
  bench.lock()
  const swept = backend.sweep(500)
  await clock.advance(5_000)
  bench.unlock()
  expect(await clock.runUntil(swept)).toEqual({ rescued: [], buried: [], stalled: true })
  // The worker was held up by the same lock: now it renews.
  expect(await backend.extend('worker-1', [ref(delivery)], 1_000)).toEqual([])
  expect(await backend.sweep(500)).toEqual({ rescued: [], buried: [], stalled: false })
})

test('a caller that awaits one call after the other lets the loop turn', async () => {
  const backend = await sqlite(join(folder, 'turning.db'))
  const turned = new AbortController()
  setImmediate(() => turned.abort())
  while (!turned.signal.aborted) await backend.publish([newJob()])
  await backend.close()
})

test('closing waits for what was asked before', async () => {
  const bench = await lockable('closing')
  const { backend, clock } = bench
  bench.lock()
  const published = backend.publish([newJob()])
  const closed = backend.close()
  await clock.advance(50)
  bench.unlock()
  await clock.runUntil(Promise.all([published, closed]))
  await bench[Symbol.asyncDispose]()
})
