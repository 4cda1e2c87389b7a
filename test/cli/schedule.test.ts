import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { connect } from '../../src/client/connect.ts'
import { systemClock } from '../../src/kernel/clock.ts'
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

const schedule = (...args: string[]): CommandOutput => treadleCommand(broker, 'schedule', ...args)

test('add, list, pause, resume, trigger, remove', { timeout: 60_000 }, async () => {
  const added = schedule('add', 'nightly', 'add', '2', '3', '--cron', '30 2 * * *', '--time-zone', 'Europe/Berlin', '--jitter', '30s', '--tag', 'own', '--queue', 'sums', '--json')
  expect(JSON.parse(added.out)).toMatchObject({ name: 'nightly', rule: { cron: '30 2 * * *', timeZone: 'Europe/Berlin' }, missed: 'once', jitter: 30_000, queue: 'sums', tags: ['own'] })
  expect(schedule('add', 'often', 'greet', 'you', '--every', '10m', '--from', '2020-01-01T00:05:00Z', '--missed', '3', '--tasks', tasksFile).out).toMatch(/often +greet +default +every 10m 0s +\d{4}-.*:\d5:00Z +never +all up to 3/)
  schedule('add', 'launch', 'add', '1', '1', '--at', '2120-01-01T00:00:00Z', '--missed', 'skip')
  const { out } = schedule()
  expect(out).toMatch(/launch +add +default +once +2120-01-01T00:00:00Z +never +skip\nnightly +add +sums +30 2 \* \* \* Europe\/Berlin \+ 30\.0 s +.*Z +never +once\noften/)
  expect(schedule('pause', 'nightly').out).toBe('nightly paused\n')
  expect(schedule('list').out).toMatch(/nightly .* paused +never +once/)
  expect((JSON.parse(schedule('list', '--json').out) as { paused: boolean }[]).map(({ paused }) => paused)).toEqual([false, true, false])
  expect(JSON.parse(schedule('resume', 'nightly', '--json').out)).toEqual({ schedule: 'nightly', is: 'goes on' })
  const { job } = JSON.parse(schedule('trigger', 'nightly', '--json').out) as { job: string }
  expect(schedule('remove', 'launch').out).toBe('launch removed\n')
  await using queue = await connect(broker)
  expect(await queue.job(job).read()).toMatchObject({ task: 'add', queue: 'sums', state: 'ready', tags: ['own', 'schedule:nightly'] })
  expect((await queue.schedules()).map(({ name, paused }) => [name, paused])).toEqual([['nightly', false], ['often', false]])
})

test('a worker that is running fires what is added, and none where that is off', { timeout: 60_000 }, async () => {
  await using queue = await connect(broker)
  await using off = await new WorkerProcess(broker, tasksFile, '--schedules', 'off', '--lease', '1s').ready()
  schedule('add', 'often', 'add', '2', '3', '--every', '300ms')
  const one = await queue.enqueueByName('sleep', [700])
  await one.result()
  expect(await queue.list({ tag: 'schedule:often' })).toEqual([])
  await off.kill()
  await using _on = await new WorkerProcess(broker, tasksFile).ready()
  while ((await queue.list({ tag: 'schedule:often', state: 'succeeded' })).length < 2) await systemClock.sleep(20)
  expect((await queue.list({ tag: 'schedule:often' }))[0]).toMatchObject({ result: 5 })
})

test.each([
  [['add', 'x', 'add'], 2, /takes one of --cron \(perhaps with --time-zone\), --every/],
  [['add', 'x', 'add', '--cron', '@daily', '--every', '5m'], 2, /takes one of --cron/],
  [['add', 'x', 'add', '--every', '5m', '--time-zone', 'UTC'], 2, /takes one of --cron/],
  [['add', 'x', 'add', '--cron', '61 * * * *'], 2, /Invalid value for minute: 61/],
  [['add', 'x y', 'add', '--every', '5m'], 2, /name of a schedule takes/],
  [['add', 'x', 'sum', '--every', '5m', '--tasks', tasksFile], 1, /no task named 'sum' here/],
  [['add', 'x', 'add', '--at', 'noon'], 2, /It takes a time such as 2030-01-01T09:00:00Z/],
  [['add', 'x', 'add', '--every', '5m', '--missed', 'all'], 2, /It takes skip, once, or a whole number/],
  [['stop', 'x'], 2, /too many arguments for 'list'/],
  [['pause', 'x'], 1, /There is no file .*jobs\.db/]
])('%j is refused, and says what to write', (args, code, message) => {
  const refused = schedule(...args)
  expect(refused.err).toMatch(message)
  expect(refused.code).toBe(code)
})

test('what is not there is said to be unknown; listing makes no file', () => {
  expect(schedule('list').err).toContain('There is no file')
  expect(existsSync(join(folder.path, 'jobs.db'))).toBe(false)
  schedule('add', 'there', 'add', '1', '2', '--every', '1h')
  expect(schedule('remove', 'there').code).toBe(0)
  expect(schedule('list').out).toContain('No schedules yet: treadle schedule add')
  for (const what of ['pause', 'resume', 'remove', 'trigger']) {
    const { err, code } = schedule(what, 'there')
    expect([code, err]).toEqual([1, expect.stringMatching(/There is no schedule 'there' here.*\(UNKNOWN_SCHEDULE\)/)])
  }
})
