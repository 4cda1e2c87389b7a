import { execFile } from 'node:child_process'
import { mkdirSync, readFileSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { buildPackage, root } from '../support/build.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

const run = promisify(execFile)

let folder: ReturnType<typeof temporaryFolder>
let built: ReturnType<typeof buildPackage>
beforeAll(() => {
  built = buildPackage()
  folder = temporaryFolder()
  mkdirSync(join(folder.path, 'node_modules'))
  symlinkSync(built.folder, join(folder.path, 'node_modules/treadle'))
  writeFileSync(join(folder.path, 'package.json'), '{"type":"module"}')
})
afterAll(() => {
  folder[Symbol.dispose]()
  built[Symbol.dispose]()
})

const examples = readdirSync(join(root, 'docs')).filter((name) => name.endsWith('.md')).flatMap((page) => {
  const text = readFileSync(join(root, 'docs', page), 'utf8')
  return Array.from(text.matchAll(/```ts\n([\s\S]*?)```/g), (match) => [`${page}:${text.slice(0, match.index).split('\n').length}`, match[1]!] as const)
})

/** What the comments behind `console.log` say that it prints, as words. */
function told(code: string): string[] {
  return Array.from(code.matchAll(/console\.log\(.*\).*? {3}\/\/ (.+)$/gm), ([, said]) => said!).flatMap((said) => said.split(' '))
}

test('there are examples', () => expect(examples.length).toBeGreaterThan(5))

test.each(examples)('the example at %s prints what it says', async (name, code) => {
  const file = join(folder.path, `${name.replaceAll(/\W/g, '-')}.ts`)
  writeFileSync(file, code)
  const { stdout } = await run(process.execPath, [file], { cwd: folder.path, timeout: 20_000 })
  expect(told(code).length).toBeGreaterThan(0)
  // Where two print beside each other, the order is not told.
  expect(stdout.split(/\s+/).filter(Boolean).toSorted()).toEqual(told(code).toSorted())
})
