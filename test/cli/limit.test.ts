import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { connect } from '../../src/client/connect.ts'
import * as tasks from '../fixtures/queue/tasks.ts'
import { WorkerProcess } from '../support/processes.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { type CommandOutput, treadleCommand } from '../support/treadle-command.ts'

const tasksFile = fileURLToPath(new URL('../fixtures/queue/tasks.ts', import.meta.url))
let folder: ReturnType<typeof temporaryFolder>
let broker: string

beforeEach(() => {
  folder = temporaryFolder()
  broker = `sqlite:${join(folder.path, 'jobs.db')}`
})
afterEach(() => folder[Symbol.dispose]())

const treadle = (...args: string[]): CommandOutput => treadleCommand(broker, ...args)

test('limits are set, listed and cleared', { timeout: 60_000 }, async () => {
  await using queue = await connect(broker, { tasks })
  await queue.enqueue(tasks.add, 1, 2)
  expect(treadle('limit').out).toContain('Nothing is limited, paused or held: treadle limit set')
  expect(treadle('limit', 'set', '--queue', 'mail', '--key', '*', '--concurrency', '2', '--rate', '100/1m', '--weight', '3').out).toBe('queue mail, each key: limited\n')
  expect(JSON.parse(treadle('limit', 'set', '--task', 'add', '--rate', '0.5/2s', '--json').out)).toEqual({ queue: 'default', task: 'add', is: 'limited' })
  expect(treadle('pause', '--queue', 'mail').out).toBe('queue mail: paused\n')
  const { out } = treadle('limit', 'list')
  expect(out).toMatch(/default +task add +– +0\.5 per 2\.00 s +– +open/)
  expect(out).toMatch(/mail +each key +2 +100 per 1m 0s +3 +open/)
  expect(out).toMatch(/mail +all +– +– +– +paused/)
  expect(JSON.parse(treadle('limit', '--json').out)).toEqual(await queue.limits())
  expect(treadle('limit', 'clear', '--queue', 'mail', '--key', '*').out).toBe('queue mail, each key: not limited\n')
  expect(treadle('resume', '--queue', 'mail').out).toBe('queue mail: resumed\n')
  expect(await queue.limits()).toEqual([{ queue: 'default', task: 'add', rule: { rate: { limit: 0.5, per: 2_000 } }, paused: false, heldUntil: 0 }])
})

test('what is paused waits, and a worker that runs starts it when it is resumed', { timeout: 60_000 }, async () => {
  await using queue = await connect(broker, { tasks })
  await using _worker = await new WorkerProcess(broker, tasksFile, '--threads', '1').ready()
  expect(treadle('pause', '--task', 'add').out).toBe('queue default, task add: paused\n')
  expect(treadle('pause', '--key', 'tenant-7').out).toBe('queue default, key tenant-7: paused\n')
  const paused = await queue.enqueue(tasks.add, 1, 2)
  const { job } = JSON.parse(treadle('enqueue', 'greet', 'you', '--key', 'tenant-7', '--json').out) as { job: string }
  expect(treadle('status', job).out).toMatch(/key +tenant-7\n/)
  expect(await (await queue.enqueue(tasks.greet, 'me')).result()).toBe('hello me')
  expect([await paused.state(), await queue.state(job)]).toEqual(['ready', 'ready'])
  treadle('resume', '--task', 'add')
  treadle('resume', '--key', 'tenant-7')
  expect([await paused.result(), await queue.job(job).result()]).toEqual([3, 'hello you'])
})

test('a worker has weights, and a time and a size for which it keeps jobs, by its flags', { timeout: 60_000 }, async () => {
  await using queue = await connect(broker, { tasks })
  await using _worker = await new WorkerProcess(broker, tasksFile, '--threads', '1', '-q', 'urgent=6', '-q', 'bulk', '--keep', '7d', '--keep-bytes', '2gb').ready()
  expect(await (await queue.enqueue(tasks.add.with({ queue: 'bulk' }), 1, 2)).result()).toBe(3)
  expect(await (await queue.enqueue(tasks.add.with({ queue: 'urgent' }), 1, 2)).result()).toBe(3)
})

test.each([
  [['limit', 'set', '--queue', 'mail'], 2, /takes --concurrency, --rate or --weight.*treadle limit clear/],
  [['limit', 'set', '--rate', '100'], 2, /It takes a number and a time, such as 100\/1m/],
  [['limit', 'set', '--rate', '100/soon'], 2, /or a duration such as 250ms/],
  [['limit', 'set', '--weight', 'much'], 2, /It takes a number/],
  [['limit', 'set', '--concurrency', '0'], 2, /to start nothing, pause it/],
  [['limit', 'set', '--task', 'a', '--key', 'b', '--concurrency', '1'], 2, /a task or a key, not both/],
  [['pause', '--key', '*'], 2, /pause their queue/],
  [['worker', '--tasks', tasksFile, '-q', 'urgent=much'], 2, /queues\.urgent takes a weight, more than 0/],
  [['worker', '--tasks', tasksFile, '-q', 'urgent='], 2, /queues\.urgent takes a weight, more than 0/],
  [['worker', '--tasks', tasksFile, '--keep', 'long'], 2, /or a duration such as/],
  [['worker', '--tasks', tasksFile, '--keep-bytes', '2 gigs'], 2, /or a size such as 500mb/],
  [['worker', '--tasks', tasksFile, '--keep', '999999d'], 2, /keep\.succeeded takes no more than 1,000 years/]
])('%j is refused, and says what to write', async (args, code, message) => {
  await (await connect(broker)).close()
  const refused = treadle(...args)
  expect(refused.err).toMatch(message)
  expect(refused.code).toBe(code)
})

test.each(['limit', 'limit set --concurrency 1', 'limit clear', 'pause', 'resume'])('%s makes no file of a mistyped name', (line) => {
  const { err, code } = treadle(...line.split(' '))
  expect([code, err]).toEqual([1, expect.stringContaining('There is no file')])
  expect(existsSync(join(folder.path, 'jobs.db'))).toBe(false)
})
