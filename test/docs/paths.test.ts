import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { root } from '../support/build.ts'

test.each(['CONTRIBUTING.md'])('every file that %s names is there', (page) => {
  const named = Array.from(readFileSync(join(root, page), 'utf8').matchAll(/`((?:src|test|bench)\/[\w./-]+|\.?[\w-]+\.(?:json|md))`/g), ([, path]) => path!)
  expect(named.length).toBeGreaterThan(10)
  expect(named.filter((path) => !existsSync(join(root, path)))).toEqual([])
})
