import { renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import * as fc from 'fast-check'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Backend } from '../../src/backends/backend.ts'
import type { QueueStats } from '../../src/backends/broker.ts'
import { memory } from '../../src/backends/memory/memory-backend.ts'
import { sqlite } from '../../src/backends/sqlite/sqlite-backend.ts'
import { connect } from '../../src/client/connect.ts'
import { HealthServer } from '../../src/http/health-server.ts'
import { metricsText } from '../../src/http/metrics.ts'
import { type LogFields, lineLogger } from '../../src/kernel/logger.ts'
import { VirtualClock } from '../../src/kernel/virtual-clock.ts'
import { newJob } from '../../src/testing/backend-conformance/bench.ts'
import { startWorker } from '../../src/worker/start-worker.ts'
import { Tally } from '../../src/worker/tally.ts'
import type { Worker } from '../../src/worker/worker.ts'
import * as tasks from '../fixtures/queue/tasks.ts'
import { parseMetrics } from '../support/prometheus.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

let clock: VirtualClock
let silent: ReadonlySet<string>
let refusing: ReadonlySet<string>
let backend: Backend
let worker: Worker
let server: HealthServer

beforeEach(async () => {
  clock = new VirtualClock()
  silent = new Set()
  refusing = new Set()
  const real = memory({ clock })
  // A broker that, for what is named, no longer answers: as a server behind a cut connection, or one that is there and broken.
  backend = new Proxy(real, {
    get: (target, name) => {
      if (silent.has(String(name))) return () => new Promise(() => {})
      if (refusing.has(String(name))) return () => Promise.reject(new Error('out of order'))
      return (target[name as keyof Backend] as (() => unknown) | undefined)?.bind(target)
    }
  })
  worker = await startWorker(backend, { tasks, threads: 1, busyLimit: '1m', clock })
  server = await new HealthServer(worker, { port: 0 }).start()
})

afterEach(async () => {
  await server.close()
  await clock.runUntil(worker.close({ deadline: 0 }))
})

async function get(path: string): Promise<{ status: number, text: string }> {
  const response = await fetch(`http://127.0.0.1:${server.port}${path}`)
  return { status: response.status, text: await response.text() }
}

test('a worker that takes jobs is ready', async () => {
  expect(await get('/health')).toEqual({ status: 200, text: '{"ready":true,"reasons":[],"active":0}\n' })
  expect((await get('/elsewhere')).status).toBe(404)
  const asked = async (method: string): Promise<[number, string]> => {
    const response = await fetch(`http://127.0.0.1:${server.port}/health`, { method })
    return [response.status, await response.text()]
  }
  expect(await asked('HEAD')).toEqual([200, ''])
  expect(await asked('POST')).toEqual([405, 'only GET and HEAD\n'])
})

/** What it says, where it is ready first and no longer 5 seconds later: what is promised to those who route by it. */
async function unreadyInTime(): Promise<string> {
  await clock.advance(1_000)
  expect((await get('/health')).status).toBe(200)
  await clock.advance(3_999)
  const { status, text } = await get('/health')
  expect(status).toBe(503)
  return text
}

test('within 5 seconds of losing its broker it says so', async () => {
  silent = new Set(['extend', 'reserve', 'settle'])
  expect(await unreadyInTime()).toMatch(/the broker has not answered for \d/)
})

test('a broker that refuses counts as lost, with what it says, until it answers again', async () => {
  refusing = new Set(['extend'])
  expect(await unreadyInTime()).toMatch(/the broker has not answered for \d.*: out of order/)
  refusing = new Set()
  await clock.advance(1_500)
  expect((await get('/health')).status).toBe(200)
})

test.each(['answers nothing to', 'refuses'])('a broker that lives, but %s each reserve, is noticed too', async (how) => {
  await using queue = await connect(backend, { tasks })
  if (how === 'refuses') refusing = new Set(['reserve'])
  else silent = new Set(['reserve'])
  await queue.enqueue(tasks.add, 1, 1)
  expect(await unreadyInTime()).toMatch(/reserving has taken \d/)
  if (how !== 'refuses') return
  refusing = new Set()
  await clock.advance(500)
  expect((await get('/health')).status).toBe(200)
})

test('it answers while every thread is busy, and says when none has been free for too long', async () => {
  await using queue = await connect(backend, { tasks })
  const job = await queue.enqueue(tasks.spin)
  while (worker.active === 0) await nextTurn()
  await clock.advance(59_000)
  expect((await get('/health')).status).toBe(200)
  await clock.advance(2_000)
  expect(await get('/health')).toMatchObject({ status: 503, text: expect.stringMatching(/no thread has been free for \d/) as string })
  await job.cancel()
  await clock.runUntil(job.result().catch(() => {}))
  expect((await get('/health')).status).toBe(200)
})

test('a worker that drains is unready', async () => {
  await using queue = await connect(backend, { tasks })
  await queue.enqueue(tasks.waitForAbort)
  while (worker.active === 0) await nextTurn()
  const closing = worker.close({ deadline: '1m' })
  expect((await get('/health')).text).toContain('it is draining')
  await clock.runUntil(worker.close({ deadline: 0 }))
  await closing
})

test('metrics count what ended, by task and outcome, and what stands where', async () => {
  await using queue = await connect(backend, { tasks })
  await (await queue.enqueue(tasks.add, 1, 1)).result()
  await (await queue.enqueue(tasks.fail)).result().catch(() => {})
  await queue.enqueue(tasks.add.with({ delay: '1h', queue: 'later' }), 1, 1)
  await queue.enqueue(tasks.add.with({ queue: 'elsewhere' }), 1, 1)
  await clock.advance(3_000)
  const { status, text } = await get('/metrics')
  expect(status).toBe(200)
  const metrics = parseMetrics(text)
  const valueOf = (family: string, labels: Record<string, string> = {}): number | undefined => metrics.get(family)?.series.get(JSON.stringify(labels))
  expect(metrics.get('treadle_jobs')!.type).toBe('gauge')
  expect(metrics.get('treadle_attempts_total')!.type).toBe('counter')
  expect(valueOf('treadle_jobs', { queue: 'default', state: 'succeeded' })).toBe(1)
  expect(valueOf('treadle_jobs', { queue: 'later', state: 'scheduled' })).toBe(1)
  expect(valueOf('treadle_jobs', { queue: 'elsewhere', state: 'ready' })).toBe(1)
  expect(valueOf('treadle_oldest_ready_seconds')).toBe(3)
  expect(valueOf('treadle_attempts_total', { task: 'add', outcome: 'returned' })).toBe(1)
  expect(valueOf('treadle_attempts_total', { task: 'fail', outcome: 'threw' })).toBe(1)
  expect(valueOf('treadle_attempts_total', { task: 'fail', outcome: 'returned' })).toBe(0)
  expect(valueOf('treadle_worker_ready')).toBe(1)
  expect(valueOf('treadle_worker_capacity', { place: 'thread' })).toBe(1)
  expect(valueOf('treadle_worker_capacity', { place: 'loop' })).toBe(100)
  const capacity = valueOf('treadle_capacity')!
  expect(capacity).toBeGreaterThan(100)
  expect(valueOf('treadle_load')).toBe(1 / capacity)
  expect(valueOf('treadle_queue_load', { queue: 'elsewhere' })).toBe(1)
  expect(valueOf('treadle_queue_load', { queue: 'default' })).toBe(0)
})

test('any names of queues and tasks can be read from metrics as they are', () => {
  const none: QueueStats = { scheduled: 0, ready: 0, active: 0, waiting: 0, succeeded: 0, failed: 0, cancelled: 0, dead: 0 }
  const names = fc.string({ unit: fc.constantFrom('a', '"', '\\', '\n', 'n', '{', '}', ',', '=', ' ', '\u00e9', '\u2028') })
  fc.assert(fc.property(fc.dictionary(names, fc.nat(), { noNullPrototype: true }), (counts) => {
    const tally = new Tally()
    for (const task of Object.keys(counts)) tally.count(task, { kind: 'timedOut' })
    const queues = Object.fromEntries(Object.entries(counts).map(([queue, ready]) => [queue, { ...none, ready }]))
    const shown = { active: 0, capacity: new Map([['thread', 2] as const]), tally, health: () => ({ ready: true, reasons: [] }) }
    const metrics = parseMetrics(metricsText(shown, { queues, workers: [], oldestReady: 0 }))
    for (const [own, ready] of Object.entries(counts)) {
      expect(metrics.get('treadle_jobs')!.series.get(JSON.stringify({ queue: own, state: 'ready' }))).toBe(ready)
      expect(metrics.get('treadle_attempts_total')!.series.get(JSON.stringify({ task: own, outcome: 'timedOut' }))).toBe(1)
    }
  }))
})

test.each(['deleted', 'replaced'])('a SQLite file that is %s under its worker: it says so, and is unready', async (how) => {
  using folder = temporaryFolder()
  const path = join(folder.path, 'jobs.db')
  const log: LogFields[] = []
  const file = await sqlite(path, { clock })
  const own = await startWorker(file, { tasks, threads: 1, clock, log: lineLogger('error', (line) => log.push(line)) })
  await clock.advance(5_000)
  expect(own.health()).toEqual({ ready: true, reasons: [] })
  if (how === 'deleted') rmSync(path)
  else renameSync(await otherFile(folder.path), path)
  await clock.advance(5_000)
  expect(own.health()).toMatchObject({ ready: false, reasons: [expect.stringContaining(how)] })
  expect(log.some(({ msg, err }) => String(msg).includes('lease could not be renewed') && String(err).includes(how))).toBe(true)
  await expect(file.publish([newJob()])).rejects.toMatchObject({ code: 'BACKEND_FAILED', message: expect.stringContaining(how) as string })
  await clock.runUntil(own.close({ deadline: 0 }))
  await file.close()
})

async function otherFile(folder: string): Promise<string> {
  const path = join(folder, 'restored.db')
  await (await sqlite(path)).close()
  return path
}
