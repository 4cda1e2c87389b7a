import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { connect } from '../../src/client/connect.ts'
import { systemClock } from '../../src/kernel/clock.ts'
import * as tasks from '../fixtures/queue/tasks.ts'
import { root } from '../support/build.ts'
import { WorkerProcess } from '../support/processes.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

const tasksFile = fileURLToPath(new URL('../fixtures/queue/tasks.ts', import.meta.url))
let folder: ReturnType<typeof temporaryFolder>
let broker: string

beforeEach(() => {
  folder = temporaryFolder()
  broker = `sqlite:${join(folder.path, 'jobs.db')}`
})
afterEach(() => folder[Symbol.dispose]())

function treadle(...args: string[]): { out: string, err: string, code: number | null } {
  const { stdout, stderr, status } = spawnSync(process.execPath, [join(root, 'bin/treadle.js'), ...args], {
    encoding: 'utf8', env: { ...process.env, TREADLE_BROKER: broker }, timeout: 20_000
  })
  return { out: stdout, err: stderr, code: status }
}

describe('what it prints', () => {
  test('help names every command, the exit codes and examples', () => {
    const { out, code } = treadle('--help')
    expect(code).toBe(0)
    for (const word of ['worker', 'enqueue', 'status', 'inspect', 'cancel', 'retry', 'purge', 'demo', 'Exit codes', '$ treadle worker --tasks']) expect(out).toContain(word)
    expect(treadle('worker', '--help').out).toContain('--loop-concurrency <n>')
    expect(treadle('--version').out.trim()).toBe('0.1.0')
  })

  test.each([
    [['worcer'], /unknown command 'worcer'[\s\S]*Did you mean worker\?/],
    [['worker'], /required option '-t, --tasks <module>' not specified/],
    [['enqueue', 'add', '--priority', 'high'], /option '--priority <n>' argument 'high' is invalid\. It takes a whole number/],
    [['enqueue', 'add', '--delay', 'soon'], /delay takes a number of milliseconds.*got 'soon'/],
    [[], /Usage: treadle/]
  ])('%j is not understood: exit code 2, and what to write', (args, message) => {
    const { err, code } = treadle(...args)
    expect(err).toMatch(message)
    expect(code).toBe(2)
  })

  test.each([
    [['enqueue', 'sum', '1', '--tasks', tasksFile], 'UNKNOWN_TASK', /no task named 'sum' here\. Known: add, .*greet/],
    [['status', 'nowhere'], 'UNKNOWN_JOB', /There is no job nowhere here/],
    [['status', '--broker', 'carrier-pigeon:coop'], 'UNKNOWN_BACKEND', /Write one of: /],
    [['worker', '--tasks', '/nowhere/tasks.ts'], 'TASK_MODULE_FAILED', /\/nowhere\/tasks\.ts could not be imported/]
  ])('%j fails: exit code 1, one sentence with its code', (args, code, message) => {
    const plain = treadle(...args)
    expect(plain.code).toBe(1)
    expect(plain.err).toMatch(message)
    expect(plain.err).toContain(`(${code})`)
    expect(plain.err).not.toContain('    at ')
    expect(JSON.parse(treadle(...args, '--json').err)).toMatchObject({ error: { code } })
  })

  test('status of an empty file says what to do next', () => {
    const { out, code } = treadle('status')
    expect(code).toBe(0)
    expect(out).toContain('No jobs yet')
    expect(out).toContain('No worker is running')
    expect(JSON.parse(treadle('status', '--json').out)).toEqual({ queues: {}, workers: [], oldestReady: 0 })
  })
})

describe('with a worker', () => {
  test('enqueue, wait, and the story of the job', { timeout: 40_000 }, async () => {
    await using _worker = await new WorkerProcess(broker, tasksFile).ready()
    expect(treadle('enqueue', 'add', '2', '3', '--wait', '10s').out).toBe('5\n')
    expect(treadle('enqueue', 'greet', 'you', '--tasks', tasksFile, '--wait').out).toBe('hello you\n')
    const { job, result } = JSON.parse(treadle('enqueue', 'add', '4', '5', '--wait', '--json').out) as { job: string, result: number }
    expect(result).toBe(9)
    expect(JSON.parse(treadle('status', job, '--json').out)).toMatchObject({ id: job, task: 'add', state: 'succeeded', attempt: 1, result: 9 })
    expect(treadle('status', job).out).toMatch(/state +succeeded/)
    expect(treadle('status').out).toMatch(/default +0 +0 +0 +0 +3 +0 +0 +0/)
    const failed = treadle('enqueue', 'fail', '--wait')
    expect(failed.code).toBe(1)
    expect(failed.err).toContain('quota used up')
  })

  test('inspect, cancel, retry and purge', { timeout: 40_000 }, async () => {
    await using _worker = await new WorkerProcess(broker, tasksFile).ready()
    treadle('enqueue', 'fail', '--wait')
    treadle('enqueue', 'add', '1', '1', '--wait')
    const { job: waiting } = JSON.parse(treadle('enqueue', 'add', '1', '2', '--delay', '1h', '--json').out) as { job: string }
    expect(treadle('cancel', waiting).out).toMatch(/cancelled/)
    expect(JSON.parse(treadle('cancel', waiting, '--json').out)).toEqual({ [waiting]: 'finished' })
    expect(treadle('inspect').out).toMatch(/fail +default +failed +1 .*QuotaError: quota used up[\s\S]*add +default +succeeded[\s\S]*add +default +cancelled/)
    expect(JSON.parse(treadle('inspect', '--state', 'cancelled', '--json').out)).toMatchObject([{ id: waiting, state: 'cancelled' }])
    expect(treadle('retry', waiting).out).toMatch(/ready/)
    expect(treadle('retry', '--state', 'failed').out).toBe('1 jobs are ready again\n')
    const misused = treadle('retry')
    expect([misused.code, misused.err]).toEqual([2, expect.stringContaining('either the ids of jobs, or --state')])
    while (JSON.parse(treadle('status', waiting, '--json').out).state !== 'succeeded') { /* the worker is at it */ }
    expect(treadle('purge', '--older-than', '0s').out).toMatch(/^2 jobs removed/)
    expect(treadle('status').out).toMatch(/default +0 +0 +0 +0 +0 +1 +0 +0/)
    expect(treadle('cancel', 'nowhere').code).toBe(1)
  })

  test('the first SIGTERM drains: what runs ends, nothing new begins', { timeout: 40_000 }, async () => {
    await using worker = await new WorkerProcess(broker, tasksFile, '--loop-concurrency', '1').ready()
    await using queue = await connect(broker, { tasks })
    const [first, second] = await Promise.all([queue.enqueue(tasks.sleep, 600), queue.enqueue(tasks.sleep, 600)])
    while (await first.state() !== 'active') await systemClock.sleep(2)
    worker.signal('SIGTERM')
    expect(await worker.ended()).toBe(0)
    expect([await first.state(), await second.state()]).toEqual(['succeeded', 'ready'])
  })

  test('a deadline ends the drain, and a second signal ends it at once: both hand back uncharged', { timeout: 40_000 }, async () => {
    await using queue = await connect(broker, { tasks })
    const job = await queue.enqueue(tasks.sleep, 600_000)
    for (const [drain, signals] of [['100ms', 1], ['1h', 2]] as const) {
      await using worker = await new WorkerProcess(broker, tasksFile, '--drain', drain).ready()
      while (await job.state() !== 'active') await systemClock.sleep(2)
      for (let signal = 0; signal < signals; signal++) {
        worker.signal('SIGTERM')
        await worker.line((line) => line.includes(signal === 0 ? 'draining' : 'stopping at once'))
      }
      expect(await worker.ended()).toBe(0)
      expect(await job.read()).toMatchObject({ state: 'ready', attempt: 0 })
    }
    expect((await job.read()).token).toBe(2)
  })
})
