import { execFileSync } from 'node:child_process'
import { globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { root } from '../support/build.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

let folder: ReturnType<typeof temporaryFolder>
beforeAll(() => {
  folder = temporaryFolder()
  mkdirSync(join(folder.path, 'examples'))
  writeFileSync(join(folder.path, 'tasks.ts'), `export * from '${new URL('tasks.ts', import.meta.url).href}'\n`)
})
afterAll(() => folder[Symbol.dispose]())

interface Example { readonly file: string, readonly line: number, readonly code: string }

const examples: Example[] = globSync('src/**/*.ts', { cwd: root }).sort().flatMap((file) => {
  const source = readFileSync(join(root, file), 'utf8')
  return Array.from(source.matchAll(/@example\n((?:\s*\*(?!\/).*\n)+)/g), (match) => ({
    file,
    line: source.slice(0, match.index).split('\n').length,
    code: match[1]!.replaceAll(/^\s*\* ?/gm, '').split(/^@/m)[0]!
  }))
})

/** A line that ends in a comment, and is an expression, says in the comment what its value is. */
function withChecks(code: string): string {
  return code.replaceAll(/^(?!\s|const|let|await using|import|export|for|if|\}|\/\/)(.+?)\s{2,}\/\/ (.+)$/gm, (_, expression: string, text: string) =>
    `shows(${expression}, ${JSON.stringify(text)})`)
}

test('public functions have examples', () => {
  expect(examples.length).toBeGreaterThan(10)
})

test.each(examples.map((example) => [`${example.file}:${example.line}`, example] as const))('the example at %s runs, and its values are what it says', { timeout: 90_000 }, (name, { file, code }) => {
  const script = join(folder.path, 'examples', `${name.replaceAll(/\W/g, '-')}.mts`)
  const url = (path: string): string => pathToFileURL(join(root, path)).href
  writeFileSync(script, `import '${url('test/docs/prelude.ts')}'\nimport * as own from '${url(file)}'\nObject.assign(globalThis, own)\n${withChecks(code)}\nprocess.exit(0)\n`)
  execFileSync(process.execPath, [script], { encoding: 'utf8', cwd: folder.path, stdio: 'pipe', timeout: 60_000 })
  rmSync(script)
})
