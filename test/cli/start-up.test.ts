import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { root } from '../support/build.ts'

const tracer = `data:text/javascript,${encodeURIComponent(`
  import { registerHooks } from 'node:module'
  registerHooks({ resolve: (name, context, next) => { const found = next(name, context); process.stderr.write(found.url + '\\n'); return found } })
`)}`

function loaded(...args: string[]): string[] {
  const { stderr, status } = spawnSync(process.execPath, ['--import', tracer, join(root, 'bin/treadle.js'), ...args], { encoding: 'utf8' })
  expect(status).toBe(0)
  return stderr.trim().split('\n')
}

test.each(['--version', '--help', 'worker --help'])('%s loads no database, no codec and no command', (line) => {
  const modules = loaded(...line.split(' '))
  expect(modules.some((url) => url.endsWith('src/cli/main.ts'))).toBe(true)
  expect(modules.filter((url) => /node:sqlite|node:worker_threads|node:http|msgpackr|\/src\/(backends|client|worker|executors|wire|cli\/(commands|views|terminal|demo))\//.test(url))).toEqual([])
})
