import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))
let house: string

// A house with the project's lint rules and one file at a time, so that a forbidden import never stands in the sources.
beforeAll(() => {
  house = mkdtempSync(join(tmpdir(), 'treadle-layers-'))
  const rules = JSON.parse(readFileSync(join(root, '.oxlintrc.json'), 'utf8')) as { options: object }
  writeFileSync(join(house, '.oxlintrc.json'), JSON.stringify({ ...rules, options: {} }))
  cpSync(join(root, 'tsconfig.json'), join(house, 'tsconfig.json'))
})

afterAll(() => rmSync(house, { recursive: true, force: true }))

function lint(file: string, line: string): string {
  const path = join(house, file)
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, `${line}\n`)
  try {
    execFileSync(process.execPath, [join(root, 'node_modules/oxlint/bin/oxlint'), '--deny-warnings', file], { cwd: house, encoding: 'utf8' })
    return ''
  } catch (error) {
    return (error as { stdout: string }).stdout
  } finally {
    rmSync(path)
  }
}

test.each([
  ['src/kernel/clock.ts', '../tasks/task.ts'],
  ['src/concurrency/ring.ts', '../executors/executor.ts'],
  ['src/wire/frames.ts', '../concurrency/queue.ts'],
  ['src/tasks/task.ts', '../backends/broker.ts'],
  ['src/jobs/job.ts', '../client/connect.ts'],
  ['src/wire/codec.ts', '../jobs/job.ts'],
  ['src/executors/executor.ts', '../backends/broker.ts'],
  ['src/executors/loop/loop-executor.ts', '../threads/thread-executor.ts'],
  ['src/executors/processes/process-executor.ts', '../threads/thread-executor.ts'],
  ['src/executors/threads/thread-executor.ts', '../processes/process-executor.ts'],
  ['src/executors/newest/newest-executor.ts', '../loop/loop-executor.ts'],
  ['src/executors/calls/call-pool.ts', '../threads/task-thread.ts'],
  ['src/backends/memory/memory-backend.ts', '../sqlite/engine.ts'],
  ['src/backends/memory/memory-backend.ts', '../payloads/directory-payloads.ts'],
  ['src/backends/payloads/directory-payloads.ts', '../sqlite/file.ts'],
  ['src/backends/newest/newest-backend.ts', '../memory/ending-watches.ts'],
  ['src/backends/sqlite/engine.ts', '../registry.ts'],
  ['src/backends/sqlite/engine.ts', '../../executors/executor.ts'],
  ['src/client/connect.ts', '../worker/worker.ts'],
  ['src/worker/worker.ts', '../client/connect.ts'],
  ['src/worker/maintenance/job-rescuer.ts', '../../cli/main.ts'],
  ['src/worker/worker.ts', '../http/health-server.ts'],
  ['src/http/metrics.ts', '../cli/main.ts'],
  ['src/client/client.ts', '../index.ts']
])('%s may not import %s', (file, imported) => {
  expect(lint(file, `import { x } from '${imported}'; export const y = x`)).toContain('no-restricted-imports')
})

test.each([
  ['src/client/connect.ts', '../backends/registry.ts'],
  ['src/worker/worker.ts', '../kernel/clock.ts'],
  ['src/backends/sqlite/engine.ts', '../broker.ts'],
  ['src/backends/newest/newest-backend.ts', '../../kernel/clock.ts'],
  ['src/backends/newest/newest-backend.ts', './newest-connection.ts'],
  ['src/executors/threads/thread.ts', '../../tasks/loader.ts'],
  ['src/executors/processes/child.ts', '../calls/call-runner.ts'],
  ['src/concurrency/processes/socket-link.ts', '../../wire/frames.ts'],
  ['src/http/health-server.ts', '../worker/worker.ts'],
  ['src/cli/main.ts', '../client/connect.ts']
])('%s may import %s', (file, imported) => {
  expect(lint(file, `import { x } from '${imported}'; export const y = x`)).toBe('')
})

test('time is read and timers are set in the kernel only', () => {
  expect(lint('src/worker/worker.ts', 'export const timer = setTimeout(() => {}, 5)')).toContain('Time is a port')
  expect(lint('src/worker/worker.ts', 'export const now = Date.now()')).toContain('Time is a port')
  expect(lint('src/kernel/clock.ts', 'export const timer = setTimeout(() => {}, Date.now())')).toBe('')
})
