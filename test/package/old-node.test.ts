import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { expect, test } from 'vitest'
import { buildPackage } from '../support/build.ts'

const oldNode = (process.env['PATH'] ?? '').split(delimiter)
  .map((folder) => join(folder, 'node'))
  .find((node) => existsSync(node) && Number.parseInt(spawnSync(node, ['--version'], { encoding: 'utf8' }).stdout.slice(1), 10) < 24)

// Runs where the machine's own Node is the old one, which is what a bare machine often has; CI is such a machine.
test.skipIf(oldNode === undefined && !process.env['CI'])('an older Node gets one clear sentence, from the package and from the command', () => {
  using built = buildPackage()
  const sentence = /^Treadle needs Node 24 or newer, and this is Node \d+\.\d+\.\d+: .+\.$/m
  const imported = spawnSync(oldNode!, ['--input-type=module', '-e', `
    try { await import('${pathToFileURL(join(built.folder, 'dist/index.js')).href}') } catch ({ code, message }) { console.log(code); console.log(message) }
  `], { encoding: 'utf8' })
  expect(imported.stdout).toMatch(/^UNSUPPORTED_NODE\n/)
  expect(imported.stdout).toMatch(sentence)
  const command = spawnSync(oldNode!, [join(built.folder, 'bin/treadle.js'), 'status'], { encoding: 'utf8' })
  expect(command.stderr).toMatch(sentence)
  expect(command.stderr.trim().split('\n')).toHaveLength(1)
  expect(command.status).toBe(2)
})
