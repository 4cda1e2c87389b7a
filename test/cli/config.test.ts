import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { root } from '../support/build.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

let folder: ReturnType<typeof temporaryFolder>

beforeEach(() => {
  folder = temporaryFolder()
  mkdirSync(join(folder.path, 'deep/er'), { recursive: true })
})
afterEach(() => folder[Symbol.dispose]())

function config(text: string, name = 'treadle.config.ts'): void {
  writeFileSync(join(folder.path, name), `import { defineConfig } from '${new URL('../../src/index.ts', import.meta.url).href}'\nexport default ${text}\n`)
}

function treadle(args: string[], env: Record<string, string> = {}, below = ''): { out: string, err: string, code: number | null } {
  const bare = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('TREADLE_')))
  const { stdout, stderr, status } = spawnSync(process.execPath, [join(root, 'bin/treadle.js'), ...args], {
    encoding: 'utf8', cwd: join(folder.path, below), env: { ...bare, ...env }, timeout: 20_000
  })
  return { out: stdout, err: stderr, code: status }
}

function settings(args: string[] = [], env: Record<string, string> = {}, below = ''): Record<string, { value: unknown, from: string }> {
  const { out, err } = treadle(['config', '--json', ...args], env, below)
  expect(err).toBe('')
  return (JSON.parse(out) as { settings: Record<string, { value: unknown, from: string }> }).settings
}

test('flags count more than the environment, that more than the file, that more than the default', () => {
  config('defineConfig({ threads: 1, blocking: 2, lease: 9_000, health: { port: 9000 } })')
  const found = settings(['--threads', '3'], { TREADLE_THREADS: '4', TREADLE_BLOCKING: '5', TREADLE_HEALTH_PORT: '9001' })
  expect(found).toMatchObject({
    threads: { value: 3, from: 'flag' },
    blocking: { value: 5, from: 'TREADLE_BLOCKING' },
    'health.port': { value: 9001, from: 'TREADLE_HEALTH_PORT' },
    lease: { value: 9000, from: 'treadle.config.ts' },
    drain: { value: '30s', from: 'default' },
    processes: { value: null, from: 'default' }
  })
})

test('it is found in a folder above, and its paths are meant from there', () => {
  config("defineConfig({ broker: 'sqlite:app.db?durability=disk', tasks: ['./tasks.ts', 'file:///elsewhere/tasks.ts'] })")
  const file = join(folder.path, 'treadle.config.ts')
  expect(settings([], {}, 'deep/er')).toMatchObject({
    broker: { value: `sqlite:${join(folder.path, 'app.db')}?durability=disk`, from: file },
    tasks: { value: [join(folder.path, 'tasks.ts'), 'file:///elsewhere/tasks.ts'], from: file }
  })
})

test('--config names another, in JavaScript too', () => {
  config('{ threads: 1 }')
  writeFileSync(join(folder.path, 'other.mjs'), 'export default { threads: 7 }\n')
  expect(settings(['--config', 'other.mjs'])).toMatchObject({ threads: { value: 7, from: 'other.mjs' } })
  expect(settings([], { TREADLE_CONFIG: 'other.mjs' })).toMatchObject({ threads: { value: 7 } })
})

test('a variable holds a whole list', () => {
  const found = settings([], { TREADLE_TASKS: ['a.ts', 'file:///b.ts'].join(delimiter), TREADLE_QUEUES: 'mail, images' })
  expect(found).toMatchObject({ tasks: { value: ['a.ts', 'file:///b.ts'] }, queues: { value: ['mail', 'images'] } })
  expect(settings(['--queues', 'one', '--queues', 'two'], { TREADLE_QUEUES: 'three' })).toMatchObject({ queues: { value: ['one', 'two'] } })
})

test('queues may have weights, in each form', () => {
  config("defineConfig({ queues: { urgent: 6, bulk: 1 }, keep: '7d', keepBytes: '2gb' })")
  expect(settings()).toMatchObject({ queues: { value: ['urgent=6', 'bulk=1'] }, keep: { value: '7d' }, keepBytes: { value: '2gb' } })
  expect(settings(['-q', 'urgent=3', '-q', 'other'])).toMatchObject({ queues: { value: ['urgent=3', 'other'] } })
  expect(settings([], { TREADLE_QUEUES: 'urgent=3,other', TREADLE_KEEP: '1d' })).toMatchObject({ queues: { value: ['urgent=3', 'other'] }, keep: { value: '1d' } })
})

test.each([
  ['{ thread: 2 }', /treadle\.config\.ts sets 'thread', which is no setting\. The settings: broker, payloads, tasks, .*threads/],
  ["{ threads: 'two' }", /treadle\.config\.ts: 'threads' takes a whole number, 1 or more, or \{ min, max \}, and got "two"/],
  ["{ lease: 'soon' }", /'lease' takes milliseconds, or a duration such as '30s', and got "soon"/],
  ['{ health: 9000 }', /'health' takes an object with health\.port and health\.host/],
  ['{ health: { prt: 1 } }', /sets 'health\.prt', which is no setting/],
  ['{ queues: [] }', /'queues' takes an array of names, or an object with the weight of each, and got \[\]/],
  ['{ queues: { urgent: 0 } }', /'queues' takes an array of names, or an object with the weight of each, and got/],
  ['undefined', /has no settings as its default export\. Write: export default defineConfig/],
  ["nothing.here", /treadle\.config\.ts could not be imported: nothing is not defined/]
])('the file says %s: exit code 2, with its name and the key', (text, message) => {
  config(text)
  const { err, code } = treadle(['status'])
  expect(err).toMatch(message)
  expect(err).toContain('(CONFIG)')
  expect(code).toBe(2)
})

test.each([
  [['config', '--config', 'nowhere.ts'], {}, /There is no file nowhere\.ts, which --config or TREADLE_CONFIG names/],
  [['config'], { TREADLE_THREADS: 'all' }, /value 'all' from env 'TREADLE_THREADS' is invalid\. It takes a whole number/]
])('%j %j is not understood', (args, env: Record<string, string>, message) => {
  const { err, code } = treadle(args, env)
  expect(err).toMatch(message)
  expect(code).toBe(2)
})

test('passwords are not shown', () => {
  const { out } = treadle(['config'], { TREADLE_BROKER: 'redis://user:s3/cr@et@host/0?token=hidden&db=1' })
  expect(out).toContain('redis://user:***@host/0?token=***&db=1')
  expect(out).toContain('There is no treadle.config.ts here or in a folder above')
  expect(treadle(['status'], { TREADLE_BROKER: 'nosuch://user:s3cret@host' }).err).not.toContain('s3cret')
})

test("a program's tasks are known from the file: a mistyped name is refused", () => {
  config("{ broker: 'sqlite:jobs.db', tasks: './tasks.ts' }")
  writeFileSync(join(folder.path, 'tasks.ts'), `import { task } from '${new URL('../../src/index.ts', import.meta.url).href}'\nexport const add = task({ name: 'add', queue: 'sums' }, (a: number, b: number) => a + b)\n`)
  expect(treadle(['enqueue', 'ad', '1']).err).toMatch(/no task named 'ad' here\. Known: add/)
  expect(treadle(['enqueue', 'add', '1', '2'], {}, 'deep').out).toMatch(/^enqueued add as /)
  expect(JSON.parse(treadle(['inspect', '--json'], {}, 'deep/er').out)).toMatchObject([{ task: 'add', queue: 'sums' }])
})
