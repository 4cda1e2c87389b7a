import { readFileSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { buildPackage, root } from '../support/build.ts'
import { Project } from './project.ts'

// One program, with tasks in a module of their own, uses all of Treadle; here in each of the forms that a program can have.

const everything = {
  code: 0,
  output: [
    'local thread: 3 in another thread',
    'local process: 7 in another process',
    'local loop: 11 in the main thread',
    'stream from a thread: 13 in another thread',
    'stream from a process: 14 in another process',
    'from a thread: 31 in the main thread',
    'queued thread: 15 in another thread',
    'queued process: 19 in another process',
    'queued loop: 23 in another thread',
    ''
  ].join('\n')
}

// Whole programs, with compilers before them: on a busy machine they take their time.
vi.setConfig({ testTimeout: 90_000, hookTimeout: 60_000 })

let built: ReturnType<typeof buildPackage>
beforeAll(() => { built = buildPackage() })
afterAll(() => built[Symbol.dispose]())

const project = (type: 'module' | 'commonjs'): Project => new Project(built.folder, type)

/** Compiled by TypeScript, in place, and without the sources. */
async function compile(own: Project): Promise<void> {
  own.write('tsconfig.json', JSON.stringify({
    compilerOptions: {
      target: 'es2023', lib: ['es2024', 'esnext.disposable'], module: 'nodenext', strict: true, types: ['node'], typeRoots: [join(root, 'node_modules/@types')],
      rewriteRelativeImportExtensions: true, noEmitOnError: true
    },
    files: [readFileSync(own.path('package.json'), 'utf8').includes('module') ? 'program.ts' : 'program-cjs.ts']
  }))
  expect(await own.tool('typescript/bin/tsc', '-p', '.')).toEqual({ code: 0, output: '' })
  for (const source of ['tasks.ts', 'everything.ts', 'program.ts', 'program-cjs.ts']) rmSync(own.path(source))
}

test('TypeScript, as Node runs it', async () => {
  using own = project('module')
  expect(await own.node(['program.ts', 'sqlite:app.db'])).toEqual(everything)
})

test('compiled to ES modules', async () => {
  using own = project('module')
  await compile(own)
  expect(await own.node(['program.js', 'sqlite:app.db'])).toEqual(everything)
})

test('compiled to CommonJS', async () => {
  using own = project('commonjs')
  await compile(own)
  expect(readFileSync(own.path('tasks.js'), 'utf8')).toContain('require("treadle")')
  expect(await own.node(['program-cjs.js', 'sqlite:app.db'])).toEqual(everything)
})

test('CommonJS, written by hand', async () => {
  using own = project('commonjs')
  expect(await own.node(['program.cjs', 'sqlite:app.db'])).toEqual({ code: 0, output: 'product: 42\nquotient: 4\nsquare: 81\nqueued: 6 3\n' })
})

describe('tsx', () => {
  test.each([
    ['ES modules', 'module', 'program.ts'],
    ['CommonJS', 'commonjs', 'program-cjs.ts']
  ] as const)('%s', async (_, type, program) => {
    using own = project(type)
    // Node itself would not take this: it is tsx that loads the tasks, in threads and child processes too.
    own.write('tasks.ts', `${readFileSync(own.path('tasks.ts'), 'utf8')}\nenum Loaded { ByTsx }\nif (Loaded.ByTsx !== 0) throw new Error('no')\n`)
    expect(await own.tool('tsx/dist/cli.mjs', program, 'sqlite:app.db')).toEqual(everything)
  })
})

describe('Vitest', () => {
  test.each(['threads', 'forks'])('its pool of %s', async (pool) => {
    using own = project('module')
    renameSync(own.path('in-vitest.ts'), own.path('everything.test.ts'))
    const { code, output } = await own.tool('vitest/vitest.mjs', 'run', '--root', own.folder, `--pool=${pool}`, '--no-color')
    expect(output).toMatch(/Tests +1 passed/)
    expect(code).toBe(0)
  })
})
