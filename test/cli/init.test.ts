import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { buildPackage, root } from '../support/build.ts'
import { TestProcess } from '../support/processes.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

test('what init writes works at once, with the package as it is published', { timeout: 90_000 }, async () => {
  using built = buildPackage()
  using folder = temporaryFolder()
  const app = join(folder.path, 'app')
  const bin = join(built.folder, 'bin/treadle.js')
  const node = (cwd: string, ...args: string[]): string => {
    const { stdout, stderr, status } = spawnSync(process.execPath, args, { cwd, encoding: 'utf8', timeout: 60_000 })
    expect([stderr, status]).toEqual(['', 0])
    return stdout
  }
  expect(node(folder.path, bin, 'init', 'app')).toMatch(/^Wrote package\.json, treadle\.config\.ts, tasks\.ts, main\.ts, \.gitignore to app\.\n\nNext:\n {2}cd app\n {2}npm install\n/)
  const { dependencies, scripts } = JSON.parse(readFileSync(join(app, 'package.json'), 'utf8')) as { dependencies: object, scripts: Record<string, string> }
  expect(dependencies).toEqual({ treadle: '^0.1.0' })
  mkdirSync(join(app, 'node_modules'))
  symlinkSync(built.folder, join(app, 'node_modules/treadle'))

  // The npm scripts, without npm.
  expect(scripts).toEqual({ start: 'node main.ts', worker: 'treadle worker', status: 'treadle status' })
  await using worker = new TestProcess(bin, ['worker'], { cwd: app })
  await worker.line((line) => line.includes('worker ready'))
  expect(node(app, 'main.ts')).toBe('Hello world!\n78498 primes below a million\n')
  expect(node(app, bin, 'status')).toMatch(/default +0 +0 +0 +0 +2 +0 +0 +0/)
  worker.signal('SIGTERM')
  expect(await worker.ended()).toBe(0)

  const types = ['--noEmit', '--strict', '--module', 'nodenext', '--target', 'esnext', '--allowImportingTsExtensions', '--types', 'node', '--typeRoots', join(root, 'node_modules/@types'), 'main.ts', 'treadle.config.ts']
  expect(node(app, join(root, 'node_modules/typescript/bin/tsc'), ...types)).toBe('')
})

test('it overwrites nothing, unless by force', () => {
  using folder = temporaryFolder()
  const own = join(folder.path, 'tasks.ts')
  writeFileSync(own, '// mine\n')
  const init = (...args: string[]): { stderr: string, status: number | null } =>
    spawnSync(process.execPath, [join(root, 'bin/treadle.js'), 'init', ...args], { cwd: folder.path, encoding: 'utf8' })
  const { stderr, status } = init()
  expect(stderr).toBe('tasks.ts exists already; nothing was written. Name another folder, or overwrite with --force. (FILES_EXIST)\n')
  expect(status).toBe(1)
  expect(readFileSync(own, 'utf8')).toBe('// mine\n')
  expect(init('--force').status).toBe(0)
  expect(readFileSync(own, 'utf8')).toContain('export const greet')
})
