import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { buildPackage } from '../support/build.ts'
import { TestProcess } from '../support/processes.ts'
import { Project } from './project.ts'

// Whole programs, with compilers before them: on a busy machine they take their time.
vi.setConfig({ testTimeout: 90_000, hookTimeout: 60_000 })

let built: ReturnType<typeof buildPackage>
beforeAll(() => { built = buildPackage() })
afterAll(() => built[Symbol.dispose]())

test('the command serves the tasks of a CommonJS module', async () => {
  using own = new Project(built.folder, 'commonjs')
  const bin = own.path('node_modules/treadle/bin/treadle.js')
  await using worker = new TestProcess(bin, ['worker', '--broker', 'sqlite:app.db', '--tasks', './module.cjs'], { cwd: own.folder })
  await worker.line((line) => line.includes('worker ready'))
  const enqueue = async (...args: string[]): Promise<string> =>
    (await promisify(execFile)(process.execPath, [bin, 'enqueue', ...args, '--broker', 'sqlite:app.db', '--tasks', './module.cjs', '--wait', '20s'], { cwd: own.folder })).stdout
  expect(await enqueue('product', '6', '7')).toBe('42\n')
  expect(await enqueue('quotient', '9', '3')).toBe('3\n')
  worker.signal('SIGTERM')
  expect(await worker.ended()).toBe(0)
})

test('a task may be in a module that is a data: URL', async () => {
  using own = new Project(built.folder, 'module')
  own.write('data.ts', `
    import { pathToFileURL } from 'node:url'
    import { local } from 'treadle'
    const code = 'import { task } from "' + pathToFileURL('node_modules/treadle/dist/index.js') + '"; export const triple = task({ name: "triple" }, (n) => 3 * n)'
    const { triple } = await import('data:text/javascript,' + encodeURIComponent(code))
    await using here = local({ threads: 1 })
    console.log(await here.run(triple, 5), await here.run(triple, 6))`)
  expect(await own.node(['data.ts'])).toEqual({ code: 0, output: '15 18\n' })
})

test('what runs inside threads and child processes does nothing where it is merely imported', async () => {
  using own = new Project(built.folder, 'module')
  own.write('imports.mjs', `
    for (const entry of ['executors/threads/thread.js', 'executors/processes/child.js', 'backends/sqlite/thread.js']) await import('./node_modules/treadle/dist/' + entry)
    const { local } = await import('treadle')
    const { onThread } = await import('./tasks.ts')
    const here = local({ threads: 1 })
    console.log((await here.run(onThread, 1, 2)).sum)
    await here.close()`)
  expect(await own.node(['imports.mjs', '{}'])).toEqual({ code: 0, output: '3\n' })
})

test('a program that starts a worker behind no guard, of its own tasks, is told what to write', async () => {
  using own = new Project(built.folder, 'module')
  own.write('unguarded.ts', `${readFileSync(own.path('tasks.ts'), 'utf8')}\nimport { startWorker } from 'treadle'\nawait startWorker('sqlite:app.db', { tasks: './unguarded.ts' })\n`)
  const { code, output } = await own.node(['unguarded.ts'])
  expect(output).toContain('startWorker() was called while a Treadle thread loads this module')
  expect(code).toBe(1)
})
