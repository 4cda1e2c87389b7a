import { execFile } from 'node:child_process'
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { buildPackage, root } from '../support/build.ts'
import { TestProcess } from '../support/processes.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

const run = promisify(execFile)
const readme = readFileSync(join(root, 'README.md'), 'utf8')

/** The README's files by name, as a user would save them. */
const files = new Map(Array.from(readme.matchAll(/```ts\n\/\/ file: (\S+)\n([\s\S]*?)```/g), (match) => [match[1]!, match[2]!]))
const commands = Array.from(readme.matchAll(/^npx treadle (.+)$/gm), (match) => match[1]!)

test('the README does what it says, with the package as it is published', { timeout: 60_000 }, async () => {
  using built = buildPackage()
  using folder = temporaryFolder()
  mkdirSync(join(folder.path, 'node_modules'))
  symlinkSync(built.folder, join(folder.path, 'node_modules/treadle'))
  symlinkSync(join(root, 'node_modules/zod'), join(folder.path, 'node_modules/zod'))
  writeFileSync(join(folder.path, 'package.json'), '{"type":"module"}')
  for (const [name, code] of files) writeFileSync(join(folder.path, name), code)
  const node = async (...args: string[]): Promise<string> => (await run(process.execPath, args, { cwd: folder.path })).stdout
  const bin = join(folder.path, 'node_modules/treadle/bin/treadle.js')

  expect(await node('here.ts')).toBe(`5\n1\n2\n${Math.sqrt(8)}\n[ 1, 2, ${Math.sqrt(8)} ]\n`)
  expect(await node('stages.ts')).toBe('LINE 1\nLINE 2\nLINE 3\nDONE\n')

  expect(await node('orders.ts')).toBe('1/2 looked up\nDear Ada, you have it by 2026.\n')

  expect(await node('large.ts')).toBe('1000\n')

  expect(await node('orders-queue.ts')).toBe('true merged\n2500\nAda paid 2500\n')

  expect(await node('events.ts')).toBe('enqueued\nstarted\nsucceeded\n{ paused: true }\n0\n')

  expect(await node('schedules.ts')).toBe('launch true\nnightly true\noften paused\n')

  expect(await node('together.ts')).toBe("[ 'a', 'b' ]\none\nbeside the other\n")

  expect(await node('shared.ts')).toBe('true false\na\nb\n2 1\n')

  const [worker, enqueue, status, inspect, config] = commands.map((command) => command.split(' '))
  expect(commands).toHaveLength(5)
  await using running = new TestProcess(bin, worker!, { cwd: folder.path })
  await running.line((line) => line.includes('worker ready'))
  expect(await node('enqueue.ts')).toBe('10\n')

  const server = createServer((_, response) => response.end('hello')).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  expect(await node(bin, ...enqueue!.map((word) => word === 'https://example.org' ? url : word))).toBe('hello\n')
  server.close()
  expect(await node(bin, ...status!)).toMatch(/default +0 +0 +0 +0 +2 +0 +0 +0/)
  expect(await node(bin, ...inspect!)).toBe('No such jobs.\n')
  expect(await node(bin, ...config!)).toMatch(/health\.port +0 +treadle\.config\.ts/)
  running.signal('SIGTERM')
  expect(await running.ended()).toBe(0)
})
