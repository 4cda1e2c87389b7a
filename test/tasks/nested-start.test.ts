import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

/** A script run by a Node of its own. One that hangs or forks without end is killed, and `code` is null. */
function run(script: string): Promise<{ code: number | null, output: string }> {
  const path = fileURLToPath(new URL(`../fixtures/scripts/${script}`, import.meta.url))
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [path], { timeout: 20_000 }, (_, stdout, stderr) => resolve({ code: child.exitCode, output: stdout + stderr }))
  })
}

test.each(['unguarded.ts', 'unguarded.mjs'])('%s starts Treadle whenever it is loaded: a clear error, and no hang', async (script) => {
  const { code, output } = await run(script)
  expect(output).toContain('local() was called while a Treadle thread loads this module')
  expect(output).toContain('if (import.meta.main)')
  expect(output).not.toContain('square: 49')
  expect(code).toBe(1)
})

test.each(['guarded.ts', 'guarded.mjs'])('%s starts Treadle only as the program', async (script) => {
  expect(await run(script)).toEqual({ code: 0, output: 'square: 49\n' })
})

test('inside a call Treadle may be started', async () => {
  expect(await run('nested-in-call.ts')).toEqual({ code: 0, output: 'sum: 14\n' })
})

test('a script that never closes ends by itself', async () => {
  expect(await run('never-closes.ts')).toEqual({ code: 0, output: 'double: 2,4\n' })
})

test('a close leaves nothing that keeps the process', async () => {
  const { output } = await run('closes.ts')
  const { before, after } = JSON.parse(output) as { before: string[], after: string[] }
  expect(after.filter((kind) => !before.includes(kind))).toEqual([])
})
