import { once } from 'node:events'
import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { openBackend } from '../../src/backends/registry.ts'
import { connect } from '../../src/client/connect.ts'
import { systemClock } from '../../src/kernel/clock.ts'
import * as tasks from '../fixtures/queue/tasks.ts'
import { root } from '../support/build.ts'
import { TestProcess, WorkerProcess } from '../support/processes.ts'
import { freePort } from '../support/redis-server.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { type CommandOutput, treadleCommand } from '../support/treadle-command.ts'

const tasksFile = fileURLToPath(new URL('../fixtures/queue/tasks.ts', import.meta.url))
const idle = { queued: 0, active: 0, capacity: 0, load: 0, queues: {} }
let folder: ReturnType<typeof temporaryFolder>
let broker: string

beforeEach(() => {
  folder = temporaryFolder()
  broker = `sqlite:${join(folder.path, 'jobs.db')}`
})
afterEach(() => folder[Symbol.dispose]())

const treadle = (...args: string[]): CommandOutput => treadleCommand(broker, ...args)

async function emptyFile(): Promise<void> {
  await (await openBackend(broker)).close()
}

describe('what it prints', () => {
  test.each([[[], /^\S+ warn {2}the server cannot be reached; it is tried again for 5000 ms .*\n.*nothing listens there/], [['--json'], /^\{"level":"warn",.*\n\{"error":\{"code":"BACKEND_FAILED"/]])('a server that is away is waited for, which is said at once: %j', async (args, said) => {
    const { err, code } = treadleCommand(`redis://127.0.0.1:${await freePort()}`, 'status', ...args)
    expect(err).toMatch(said)
    expect(code).toBe(1)
  })

  test('help names every command, the exit codes and examples', () => {
    const { out, code } = treadle('--help')
    expect(code).toBe(0)
    for (const word of ['worker', 'enqueue', 'events', 'control', 'status', 'inspect', 'cancel', 'retry', 'purge', 'schedule', 'limit', 'pause', 'resume', 'demo', 'Exit codes', '$ treadle worker --tasks']) expect(out).toContain(word)
    expect(treadle('worker', '--help').out).toContain('--loop-concurrency <n>')
    expect(treadle('--version').out.trim()).toBe('0.1.0')
  })

  test.each([
    [['worcer'], /unknown command 'worcer'[\s\S]*Did you mean worker\?/],
    [['worker'], /needs the modules that export its tasks: --tasks/],
    [['enqueue', 'add', '--priority', 'high'], /option '--priority <n>' argument 'high' is invalid\. It takes a whole number/],
    [['enqueue', 'add', '--delay', 'soon'], /option '--delay <duration>' argument 'soon' is invalid\. It takes a number of milliseconds, or a duration such as/],
    [['enqueue', 'add', '--wait', '--log-level', 'loud'], /Allowed choices are debug, info, warn, error/],
    [['cancel'], /either the ids of jobs, or what all of them have in common/],
    [['worker', '--health-port', '70000'], /It takes a port, from 0 to 65535/],
    [['events', '--type', 'done'], /It takes one of: enqueued, revived, started/],
    [['control', 'reboot'], /Allowed choices are ping, active/],
    [['control', 'concurrency'], /takes at least one of --threads, --loop/],
    [['control', 'ping', '--threads', '2'], /other commands take none of them/],
    [['control', 'concurrency', '--threads', '0'], /It takes a whole number, 1 or more, or a change such as \+1 or -1/],
    [['worker', '--threads', '8..1'], /two such as 1\.\.8: the second is the most/],
    [['status', '--watch', 'often'], /It takes a number of milliseconds, or a duration/],
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
    [['worker', '--tasks', '/nowhere/tasks.ts'], 'TASK_MODULE_FAILED', /\/nowhere\/tasks\.ts could not be imported: there is no such file\. Name the module/],
    [['enqueue', 'sum', '--tasks', 'nothing.ts'], 'TASK_MODULE_FAILED', /nothing\.ts could not be imported: there is no such file/]
  ])('%j fails: exit code 1, one sentence with its code', async (args, code, message) => {
    await emptyFile()
    const plain = treadle(...args)
    expect(plain.code).toBe(1)
    expect(plain.err).toMatch(message)
    expect(plain.err).toContain(`(${code})`)
    expect(plain.err).not.toContain('    at ')
    expect(JSON.parse(treadle(...args, '--json').err)).toMatchObject({ error: { code } })
  })

  test.each([
    'status', 'status --watch', 'inspect', 'cancel job', 'cancel --tag x --yes', 'retry job', 'purge'
  ])('%s makes no file of a mistyped name', (line) => {
    const { err, code } = treadle(...line.split(' '))
    expect(code).toBe(1)
    expect(err).toContain(`There is no file ${join(folder.path, 'jobs.db')}: no job was ever kept there. Name another with --broker`)
    expect(existsSync(join(folder.path, 'jobs.db'))).toBe(false)
  })

  test('status --watch elsewhere than in a terminal: a line of JSON each time', async () => {
    await emptyFile()
    await using child = new TestProcess(join(root, 'bin/treadle.js'), ['status', '--watch', '100ms', '--json', '--broker', broker])
    await child.line(() => child.lines.length >= 3)
    for (const line of child.lines.slice(0, 3)) expect(JSON.parse(line)).toEqual({ queues: {}, workers: [], oldestReady: 0, load: idle, jobs: [] })
  })

  test('a reader that has read enough ends it quietly', async () => {
    await emptyFile()
    await using child = new TestProcess(join(root, 'bin/treadle.js'), ['status', '--watch', '100', '--broker', broker])
    await child.line((line) => line.startsWith('No jobs yet'))
    child.child.stdout!.destroy()
    expect(await child.ended()).toBe(0)
    expect(child.lines.filter((line) => line.includes('EPIPE'))).toEqual([])
  })

  test('status of an empty file says what to do next', async () => {
    await emptyFile()
    const { out, code } = treadle('status')
    expect(code).toBe(0)
    expect(out).toContain('No jobs yet')
    expect(out).toContain('No worker is running')
    expect(JSON.parse(treadle('status', '--json').out)).toEqual({ queues: {}, workers: [], oldestReady: 0, load: idle })
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
    expect(failed.err).toMatch(/^QuotaError: quota used up\nfailed at attempt 1; more: treadle status \w+\n$/)
    expect(treadle('enqueue', 'fail', '--wait', '--log-level', 'debug').err).toMatch(/QuotaError\]: quota used up\n +at [\s\S]*RangeError: too many/)
    expect(JSON.parse(treadle('enqueue', 'fail', '--wait', '--json').err)).toMatchObject({ error: { code: 'E_QUOTA', name: 'QuotaError', message: 'quota used up' }, state: 'failed' })
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
    expect(treadle('retry', waiting, '--args', '[2, 3]').out).toMatch(/ready/)
    expect(treadle('retry', '--state', 'failed').out).toBe('1 job is ready again\n')
    const misused = treadle('retry')
    expect([misused.code, misused.err]).toEqual([2, expect.stringContaining('either the ids of jobs, or --state')])
    while (JSON.parse(treadle('status', waiting, '--json').out).state !== 'succeeded') { /* the worker is at it */ }
    expect(treadle('status', waiting).out).toMatch(/arguments\n2\n3\n\nenqueued with\n1\n2\n\nresult\n5\n/)
    expect(treadle('purge', '--older-than', '0').out).toMatch(/^2 jobs removed \(.*, ended 0 ms ago or more\)/)
    expect(treadle('status').out).toMatch(/default +0 +0 +0 +0 +0 +1 +0 +0/)
    const unknown = treadle('cancel', 'nowhere')
    expect([unknown.code, unknown.out]).toEqual([1, expect.stringMatching(/nowhere +unknown[\s\S]*there is no such job/)])
  })

  test('by tag: enqueue, inspect, cancel, retry and purge', { timeout: 40_000 }, () => {
    for (const tag of ['red', 'red', 'blue']) treadle('enqueue', 'add', '1', '2', '--tag', tag, '--tag', 'all')
    expect(JSON.parse(treadle('inspect', '--tag', 'red', '--json').out)).toHaveLength(2)
    expect(treadle('inspect').out).toMatch(/ready +0 +– +blue all/)
    const refused = treadle('cancel', '--tag', 'red')
    expect([refused.code, refused.err]).toEqual([2, expect.stringContaining('This would cancel all jobs of tag red. Add --yes')])
    expect(JSON.parse(treadle('cancel', '--tag', 'red', '--yes', '--json').out)).toEqual({ cancelled: 2 })
    expect(treadle('cancel', '--tag', 'red', '--yes').out).toBe('Nothing was cancelled.\n')
    expect(JSON.parse(treadle('retry', '--tag', 'all', '--json').out)).toEqual({ retried: 0 })
    expect(JSON.parse(treadle('retry', '--tag', 'all', '--state', 'cancelled', '--json').out)).toEqual({ retried: 2 })
    treadle('cancel', '--queue', 'default', '--yes')
    expect(treadle('purge', '--older-than', '0s', '--tag', 'blue').out).toMatch(/^1 job removed/)
    expect(JSON.parse(treadle('inspect', '--json').out)).toHaveLength(2)
  })

  test('a job tells its history, its progress and what it logged', { timeout: 40_000 }, async () => {
    const file = join(folder.path, 'told.ts')
    writeFileSync(file, `
      import { context, task } from '${new URL('../../src/index.ts', import.meta.url).href}'
      export const told = task({ name: 'told', retry: { limit: 1, initial: 0 } }, async (lines: number) => {
        const { log, attempt } = context()
        if (attempt === 1) throw new TypeError('not yet')
        for (let line = 1; line <= lines; line++) log.info({ line }, 'a line')
        context().progress(3, 4, 'of the \\u001B[31mway')
      })
    `)
    await using _worker = await new WorkerProcess(broker, file).ready()
    const { job } = JSON.parse(treadle('enqueue', 'told', '12', '--wait', '--json').out) as { job: string }
    const { out } = treadle('status', job)
    expect(out).toMatch(/enqueued[\s\S]*failed, to be retried +1 .*TypeError: not yet[\s\S]*succeeded +2/)
    expect(out).toMatch(/progress +.* 75% 3\/4 .*of the way/)
    expect(out).toMatch(/2 lines before these: --logs shows them\n.*a line line=3\n/)
    expect(out).not.toContain('\u001B')
    expect(treadle('status', job, '--logs').out).toMatch(/info +a line line=1\n/)
    const record = JSON.parse(treadle('status', job, '--json').out) as { history: object[], logs: object[] }
    expect([record.history.length, record.logs.length]).toEqual([3, 12])
    // Its story is over: there is nothing to watch.
    expect(treadle('status', job, '--watch').out).toContain('succeeded')
  })

  test('a job whose worker is silent: what cancelling it means', { timeout: 40_000 }, async () => {
    await using queue = await connect(broker, { tasks })
    const job = await queue.enqueue(tasks.sleep, 600_000)
    await using worker = await new WorkerProcess(broker, tasksFile, '--lease', '100ms').ready()
    while (await job.state() !== 'active') await systemClock.sleep(2)
    await worker.kill()
    while ((await queue.stats()).workers.length > 0) await systemClock.sleep(2)
    expect(treadle('cancel', job.id).out).toMatch(/unreachable[\s\S]*unreachable: its worker is silent; the job is cancelled when it is taken from that worker/)
  })

  test('a port that is taken, and a module without tasks: what to do, and no worker is left', { timeout: 40_000 }, async () => {
    const taken = createServer().listen(0, '127.0.0.1')
    await once(taken, 'listening')
    const { port } = taken.address() as AddressInfo
    const { err, code } = treadle('worker', '--tasks', tasksFile, '--health-port', String(port))
    taken.close()
    expect(code).toBe(1)
    expect(err).toContain(`The health endpoint cannot listen on 127.0.0.1:${port}: another process listens there. Name another with --health-port`)
    writeFileSync(join(folder.path, 'none.ts'), 'export const nothing = 1\n')
    const none = treadle('worker', '--tasks', join(folder.path, 'none.ts'))
    expect([none.code, none.err]).toEqual([2, expect.stringMatching(/No task is exported by .*none\.ts\. Write: export const/)])
    expect(JSON.parse(treadle('status', '--json').out)).toMatchObject({ workers: [] })
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

  test('large results are in a folder: whoever is told of it reads them, and purges them', { timeout: 60_000 }, async () => {
    const payloads = join(folder.path, 'payloads')
    await using _worker = await new WorkerProcess(broker, tasksFile, '--payloads', payloads).ready()
    await using queue = await connect(broker, { tasks, payloads })
    const job = await queue.enqueue(tasks.giveBack, 'x'.repeat(2 ** 20))
    await job.result()
    expect(readdirSync(payloads)).toHaveLength(2)
    expect(treadle('status', job.id).err).toContain('PAYLOAD_MISSING')
    expect((JSON.parse(treadle('status', job.id, '--json', '--payloads', payloads).out) as { result: string }).result).toHaveLength(2 ** 20)
    expect(treadle('purge', '--older-than', '0s', '--payloads', payloads).code).toBe(0)
    expect(readdirSync(payloads)).toEqual([])
  })
})
