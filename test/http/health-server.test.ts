import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Backend } from '../../src/backends/backend.ts'
import { memory } from '../../src/backends/memory/memory-backend.ts'
import { connect } from '../../src/client/connect.ts'
import { HealthServer } from '../../src/http/health-server.ts'
import { systemClock } from '../../src/kernel/clock.ts'
import { startWorker } from '../../src/worker/start-worker.ts'
import type { Worker } from '../../src/worker/worker.ts'
import * as tasks from '../fixtures/queue/tasks.ts'

let silent: ReadonlySet<string>
let backend: Backend
let worker: Worker
let server: HealthServer

beforeEach(async () => {
  silent = new Set()
  const real = memory({ clock: systemClock })
  // A broker that, for what is named, no longer answers: as a server behind a cut connection.
  backend = new Proxy(real, {
    get: (target, name) => silent.has(String(name)) ? () => new Promise(() => {}) : (target[name as keyof Backend] as () => unknown).bind(target)
  })
  worker = await startWorker(backend, { tasks, threads: 1, busyLimit: 100 })
  server = await new HealthServer(worker, { port: 0 }).start()
})

afterEach(async () => {
  await server.close()
  await worker.close({ deadline: 0 })
})

async function get(path: string): Promise<{ status: number, text: string }> {
  const response = await fetch(`http://127.0.0.1:${server.port}${path}`)
  return { status: response.status, text: await response.text() }
}

/** Asks again until it is unready. */
async function unready(): Promise<string> {
  for (;;) {
    const { status, text } = await get('/health')
    if (status === 503) return text
    await systemClock.sleep(20)
  }
}

test('a worker that takes jobs is ready', async () => {
  expect(await get('/health')).toEqual({ status: 200, text: '{"ready":true,"reasons":[],"active":0}\n' })
  expect((await get('/elsewhere')).status).toBe(404)
})

test('within 5 seconds of losing its broker it says so', async () => {
  const lost = systemClock.elapsed()
  silent = new Set(['extend', 'reserve', 'settle'])
  expect(await unready()).toMatch(/the broker has not answered for \d/)
  // What is promised to those who route by it.
  expect(systemClock.elapsed() - lost).toBeLessThan(5_000)
})

test('a broker that answers, but never a reserve, is noticed too', async () => {
  await using queue = await connect(backend, { tasks })
  silent = new Set(['reserve'])
  await queue.enqueue(tasks.add, 1, 1)
  expect(await unready()).toMatch(/reserving has taken \d/)
})

test('it answers while every thread is busy, and says when none has been free for too long', async () => {
  await using queue = await connect(backend, { tasks })
  const job = await queue.enqueue(tasks.spin)
  expect(await unready()).toMatch(/no thread has been free for \d/)
  await job.cancel()
  await job.result().catch(() => {})
  expect((await get('/health')).status).toBe(200)
})

test('a worker that drains is unready', async () => {
  await using queue = await connect(backend, { tasks })
  const job = await queue.enqueue(tasks.waitForAbort)
  while (await job.state() !== 'active') await systemClock.sleep(1)
  const closing = worker.close({ deadline: '1m' })
  expect((await get('/health')).text).toContain('it is draining')
  await worker.close({ deadline: 0 })
  await closing
})

test('metrics count what ended, by task and outcome, and what stands where', async () => {
  await using queue = await connect(backend, { tasks })
  await (await queue.enqueue(tasks.add, 1, 1)).result()
  await (await queue.enqueue(tasks.fail)).result().catch(() => {})
  await queue.enqueue(tasks.add.with({ delay: '1h', queue: 'later' }), 1, 1)
  const { status, text } = await get('/metrics')
  expect(status).toBe(200)
  expect(text).toContain('# TYPE treadle_jobs gauge\n')
  expect(text).toContain('treadle_jobs{queue="default",state="succeeded"} 1\n')
  expect(text).toContain('treadle_jobs{queue="later",state="scheduled"} 1\n')
  expect(text).toContain('treadle_attempts_total{task="add",outcome="returned"} 1\n')
  expect(text).toContain('treadle_attempts_total{task="fail",outcome="threw"} 1\n')
  expect(text).toContain('treadle_worker_ready 1\n')
  for (const line of text.trimEnd().split('\n')) expect(line).toMatch(/^(# (HELP|TYPE) \w+ .+|\w+(\{\w+="[^"]*"(,\w+="[^"]*")*\})? [\d.e+-]+)$/)
})
