import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { toThread } from '../../src/client/to-thread.ts'
import { moveOnAfter } from '../../src/concurrency/timeouts.ts'
import { asksForEver, saysFromThread, saysOnLoop } from '../fixtures/tasks/asks-host.ts'
import { add } from '../fixtures/tasks/arithmetic.ts'

test('runs a task on a thread, whatever its place', { timeout: 30_000 }, async () => {
  expect(await toThread(add, 2, 3)).toBe(5)
  expect(await toThread(saysFromThread, 'a')).toMatchObject([false, { main: true }])
  // Its place is the loop: there it runs on a thread, and asks.
  expect(await toThread(saysOnLoop, 'b')).toMatchObject({ main: true })
  expect(await moveOnAfter('200ms', () => toThread(asksForEver))).toBeUndefined()
})

test('keeps no program alive', { timeout: 30_000 }, () => {
  const script = fileURLToPath(new URL('../fixtures/scripts/to-thread.ts', import.meta.url))
  expect(execFileSync(process.execPath, [script], { encoding: 'utf8', timeout: 20_000 })).toBe('5\n')
})
