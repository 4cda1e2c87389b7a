import { existsSync, globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { root } from '../support/build.ts'

const page = (name: string): string => readFileSync(join(root, name), 'utf8')

test('every path that CONTRIBUTING.md names is there', () => {
  const named = Array.from(page('CONTRIBUTING.md').matchAll(/\b(?:src|test|bench)\/[\w./-]+(?![\w./<-])|(?<![\w./<>-])[\w.-]+\.(?:json|md)\b/g), ([path]) => path)
  expect(named.length).toBeGreaterThan(30)
  expect(named.filter((path) => !existsSync(join(root, path)))).toEqual([])
})

test('every file and folder that ARCHITECTURE.md names is there, by the end of its path', () => {
  const files = ['src', 'test', 'bench'].flatMap((folder) => globSync(`${folder}/**`, { cwd: root })).concat(globSync('{*,.oxlintrc.json}', { cwd: root }))
  const named = Array.from(page('ARCHITECTURE.md').matchAll(/(?<![\w./<>-])\.?[\w-][\w./-]*\.(?:ts|json|md)\b|(?<=`)[\w-]+(?:\/[\w-]+)*\/(?=`)|(?<=`)(?:src|test)\/[\w/-]+(?=`)/g), ([path]) => path.replace(/\/$/, ''))
  expect(named.length).toBeGreaterThan(40)
  expect(named.filter((path) => !files.some((file) => file === path || file.endsWith(`/${path}`)))).toEqual([])
})
