import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Format, build } from 'esbuild'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { buildPackage } from '../support/build.ts'
import { Project, type Run } from './project.ts'

// Application and Treadle in one file, alone in a folder, started from another one.

// Whole programs, with compilers before them: on a busy machine they take their time.
vi.setConfig({ testTimeout: 90_000, hookTimeout: 60_000 })

let built: ReturnType<typeof buildPackage>
beforeAll(() => { built = buildPackage() })
afterAll(() => built[Symbol.dispose]())

/** Bundles a program that imports the fixtures, and runs it. */
async function bundled(program: string, format: Format, { minify = false, args = [] as string[] } = {}): Promise<Run> {
  using own = new Project(built.folder, 'module')
  own.write('bundled.ts', program)
  const folder = mkdtempSync(join(tmpdir(), 'treadle-bundle-'))
  try {
    const file = join(folder, format === 'cjs' ? 'app.cjs' : 'app.mjs')
    await build({ absWorkingDir: own.folder, entryPoints: ['bundled.ts'], outfile: file, bundle: true, platform: 'node', format, minify, logLevel: 'silent' })
    expect(readdirSync(folder)).toHaveLength(1)
    return await own.node([file, ...args], tmpdir())
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const guards = { esm: 'import.meta.main', cjs: 'require.main === module' }

const everything = (guard: string): string => `
  import { mkdtempSync, rmSync } from 'node:fs'
  import { tmpdir } from 'node:os'
  import { join } from 'node:path'
  import { everything } from './everything.ts'
  async function main() {
    const folder = mkdtempSync(join(tmpdir(), 'treadle-bundle-db-'))
    for (const line of await everything('sqlite:' + join(folder, 'app.db'))) console.log(line)
    rmSync(folder, { recursive: true })
  }
  if (${guard}) void main()`

describe.each(['esm', 'cjs'] as const)('one file, %s', (format) => {
  test.each([['as it is', false], ['minified', true]])('%s', async (_, minify) => {
    expect(await bundled(everything(guards[format]), format, { minify })).toEqual({
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
    })
  })

  test('that starts Treadle behind no guard: a clear error', async () => {
    const { code, output } = await bundled(`
      import { local } from 'treadle'
      import { onThread } from './tasks.ts'
      const here = local({ threads: 1 })
      here.run(onThread, 1, 2).then(console.log, (error) => { console.log(error.message); process.exitCode = 1 }).finally(() => here.close())`, format)
    expect(output).toContain('local() was called while a Treadle thread loads this module')
    expect(output).toContain('if (import.meta.main) { … }, or if (require.main === module) { … } in CommonJS')
    expect(code).toBe(1)
  })

  test('that ends itself behind no guard: what ended the thread, and what to write', async () => {
    const { output } = await bundled(`
      import { isMainThread } from 'node:worker_threads'
      import { local } from 'treadle'
      import { onThread } from './tasks.ts'
      if (!isMainThread) process.exit(3)
      const here = local({ threads: 1 })
      here.run(onThread, 1, 2).then(console.log, (error) => console.log(error.code, error.message)).finally(() => here.close())`, format)
    expect(output).toMatch(/^THREAD_START_FAILED .*process\.exit\(3\).*behind a guard: if \(import\.meta\.main\)/)
  })

  test('with two tasks of one name: which', async () => {
    const { output } = await bundled(`
      import { local, task } from 'treadle'
      export const twins = [task({ name: 'twin' }, () => 1), task({ name: 'twin' }, () => 2)]
      const main = async () => {
        const here = local({ threads: 1 })
        await here.run(twins[0]).catch((error) => console.log(error.code, error.message))
        await here.close()
      }
      if (${guards[format]}) void main()`, format)
    expect(output).toMatch(/^DUPLICATE_TASK Two tasks are named 'twin'/)
  })

  test('that loads Treadle only later: what to write', async () => {
    const { output } = await bundled(`
      const main = async () => {
        const { local, task } = await import('treadle')
        const here = local({ threads: 1 })
        await here.run(task({ name: 'late' }, () => 1)).catch((error) => console.log(error.code, error.message))
        await here.close()
      }
      if (${guards[format]}) void main()`, format)
    expect(output).toMatch(/^THREAD_START_FAILED .*write import { … } from 'treadle', not import\('treadle'\)/)
  })
})
