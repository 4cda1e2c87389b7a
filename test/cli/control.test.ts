import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { eventLine } from '../../src/cli/commands/events.ts'
import { connect } from '../../src/client/connect.ts'
import * as tasks from '../fixtures/queue/tasks.ts'
import { root } from '../support/build.ts'
import { TestProcess, WorkerProcess } from '../support/processes.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { type CommandOutput, treadleCommand } from '../support/treadle-command.ts'

const tasksFile = fileURLToPath(new URL('../fixtures/queue/tasks.ts', import.meta.url))
const bin = join(root, 'bin/treadle.js')
let folder: ReturnType<typeof temporaryFolder>
let broker: string

beforeEach(() => {
  folder = temporaryFolder()
  broker = `sqlite:${join(folder.path, 'jobs.db')}`
})
afterEach(() => folder[Symbol.dispose]())

const control = (...args: string[]): CommandOutput => treadleCommand(broker, 'control', '--timeout', '10s', ...args)

test('events are printed as they happen, until a signal', async () => {
  await using worker = await new WorkerProcess(broker, tasksFile, '--threads', '0..2').ready()
  await using events = new TestProcess(bin, ['events', '--broker', broker, '--task', 'fail', '--json'])
  await using lines = new TestProcess(bin, ['events', '--broker', broker, '--type', 'worker-heartbeat', '--type', 'failed'])
  // Each hears from when it has begun: then it tells that the worker lives.
  await lines.line((line) => /worker-heartbeat .* active 0 of \d+$/.test(line))
  await using queue = await connect(broker, { tasks })
  let last: string | undefined
  while (!events.lines.some((line) => line.includes(last ?? '–'))) {
    const job = await queue.enqueue(tasks.fail)
    last = job.id
    await job.result().catch(() => {})
  }
  const failed = JSON.parse(await events.line((line) => line.includes('"failed"'))) as object
  expect(failed).toMatchObject({ type: 'failed', task: 'fail', queue: 'default', attempt: 1, error: { name: 'QuotaError', code: 'E_QUOTA' } })
  expect(await lines.line((line) => line.includes('failed'))).toMatch(/^\d\d:\d\d:\d\d\.\d{3} failed +fail \S+ in default attempt 1 on \S+ QuotaError: quota used up$/)
  for (const one of [events, lines]) {
    one.signal('SIGINT')
    expect(await one.ended()).toBe(0)
  }
  worker.signal('SIGTERM')
  expect(await worker.ended()).toBe(0)
})

test('an event is one line, whatever is in it', () => {
  const event = { at: 0, job: 'id', task: 'two\nlines', queue: 'default', attempt: 1, token: 1, worker: 'w' }
  expect(eventLine({ type: 'retried', ...event, error: { name: 'E', message: 'a\u001B[31m\nb' }, dueAt: 2_000 })).toBe('00:00:00.000 retried          two lines id in default attempt 1 on w E: a b again in 2.00 s')
  expect(eventLine({ type: 'progress', ...event, progress: { done: 1, total: 4, note: 'x' } })).toBe('00:00:00.000 progress         two lines id in default attempt 1 on w  25% 1/4 x')
  expect(eventLine({ type: 'worker-offline', at: 0, worker: 'w', lost: true })).toBe('00:00:00.000 worker-offline   w its lease ran out')
  expect(eventLine({ type: 'missed', count: 3 })).toBe('missed           3 events before this were not taken in time')
})

test('a worker obeys where it was started so, and ends when it is told to', async () => {
  await using silent = await new WorkerProcess(broker, tasksFile).ready()
  expect(control('ping')).toMatchObject({ code: 1, out: expect.stringMatching(/No worker answered\. Those obey that were started with --control/) })
  await using worker = await new WorkerProcess(broker, tasksFile, '--control', '--threads', '2').ready()
  const ping = control('ping', '--json')
  expect(ping.code).toBe(0)
  const [id] = Object.keys(JSON.parse(ping.out) as object)
  expect(control('concurrency', '--threads', '+1', '--loop', '7').out).toContain(`${id}  thread 3, loop 7`)
  expect(control('pause').out).toMatch(/ paused$/m)
  expect(control('stats').out).toMatch(/it was told to pause/)
  expect(control('registered').out).toMatch(/ add +1 +thread/)
  expect(control('active').out).toContain('–')
  expect(control('shutdown', '--worker', id!, '--deadline', '0').out).toMatch(/about to end/)
  expect(await worker.ended()).toBe(0)
  expect(silent.child.exitCode).toBe(null)
})
