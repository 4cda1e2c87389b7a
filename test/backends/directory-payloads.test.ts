import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { openPayloads } from '../../src/backends/payloads/open-payloads.ts'
import type { PayloadStore } from '../../src/backends/payloads/payload-store.ts'
import { InvalidOptionError, MalformedMessageError } from '../../src/kernel/errors.ts'
import { payloadConformance } from '../../src/testing/payload-conformance.ts'
import { SmallDisk, testWithDisk } from '../support/small-disk.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

let outside: ReturnType<typeof temporaryFolder>
let folder: string
let payloads: PayloadStore

beforeEach(async () => {
  outside = temporaryFolder()
  folder = join(outside.path, 'deep', 'payloads')
  payloads = (await openPayloads(folder))!
})

afterEach(() => outside[Symbol.dispose]())

const bytes = new Uint8Array([1, 2, 3])

payloadConformance({ name: 'a folder', open: async (where) => (await openPayloads(join(outside.path, where)))! }, { describe, test, expect })

test('a deleted payload leaves no file', async () => {
  await payloads.put('job.args', bytes)
  await payloads.put('job.args', bytes)
  await payloads.delete(['job.args'])
  expect(readdirSync(folder)).toEqual([])
})

test('a job is forgotten with all that is kept of it, and with what a dead process had begun; nothing else is touched', async () => {
  const others = ['job-2.args', 'job.txt', 'job', '.hidden.args', 'job.1.result.bak']
  const own = ['job.args', 'job.1.result', 'job.12.result', 'job.2.result.0f8fad5b-d9cb-469f-a165-70867728950e.part']
  for (const name of [...others, ...own]) writeFileSync(join(folder, name), bytes)
  writeFileSync(join(outside.path, 'job.args'), bytes)
  await payloads.forget(['job', 'unknown', '', '..', '*', '../../job'])
  expect(readdirSync(folder).sort()).toEqual(others.sort())
  expect(readdirSync(outside.path).sort()).toEqual(['deep', 'job.args'])
})

test('no name leads out of the folder', async () => {
  writeFileSync(join(outside.path, 'deep', 'job.args'), bytes)
  const tried = ['../job.args', '..\\job.args', '/etc/passwd', 'a/job.args', './job.args', '.args', '..args', 'job', 'job.args/', 'job.args\0', 'job.args\n', 'job.x.result', 'job..result', 'jöb.args', `${'x'.repeat(129)}.args`]
  const anything = fc.oneof(fc.constantFrom(...tried), fc.string().filter((name) => !/^[\w-]+\.(args|\d+\.result)$/.test(name)))
  await fc.assert(fc.asyncProperty(anything, async (name) => {
    await expect(payloads.get(name)).rejects.toThrow(MalformedMessageError)
    await expect(payloads.put(name, bytes)).rejects.toThrow(MalformedMessageError)
    await expect(payloads.delete([name])).rejects.toThrow(MalformedMessageError)
  }))
  expect(readdirSync(folder)).toEqual([])
  expect(new Uint8Array(readFileSync(join(outside.path, 'deep', 'job.args')))).toEqual(bytes)
})

test('a folder is named by its path or its URL, and nothing else is one', async () => {
  for (const name of [pathToFileURL(folder), pathToFileURL(folder).href, folder]) {
    await (await openPayloads(name))!.put('job.args', bytes)
    expect(readdirSync(folder)).toEqual(['job.args'])
    await payloads.delete(['job.args'])
  }
  expect(await openPayloads(payloads)).toBe(payloads)
  expect(await openPayloads(undefined)).toBeUndefined()
  for (const other of ['s3://bucket', 'https://example.org/', '']) await expect(openPayloads(other)).rejects.toThrow(InvalidOptionError)
  const file = join(outside.path, 'file')
  writeFileSync(file, '')
  await expect(openPayloads(file)).rejects.toMatchObject({ code: 'BACKEND_FAILED', message: expect.stringContaining('not a folder') })
  await expect(openPayloads(join(file, 'in'))).rejects.toMatchObject({ code: 'BACKEND_FAILED', message: expect.stringContaining('not a folder') })
})

test('a folder that vanished, and a name that is no file, are errors that say what to do', async () => {
  mkdirSync(join(folder, 'job.args'))
  await expect(payloads.get('job.args')).rejects.toMatchObject({ code: 'BACKEND_FAILED', message: expect.stringContaining('job.args: EISDIR') })
  await expect(payloads.put('job.args', bytes)).rejects.toMatchObject({ code: 'BACKEND_FAILED' })
  expect(readdirSync(folder)).toEqual(['job.args'])
  rmSync(folder, { recursive: true })
  await expect(payloads.put('job.args', bytes)).rejects.toMatchObject({ code: 'BACKEND_FAILED', message: expect.stringContaining('Make it again') })
  await expect(payloads.forget(['job'])).rejects.toMatchObject({ code: 'BACKEND_FAILED', message: expect.stringContaining('Make it again') })
})

testWithDisk('a full or read-only disk is an error that says so, and nothing is half kept', async () => {
  using disk = new SmallDisk(1_024)
  const small = (await openPayloads(join(disk.path, 'payloads')))!
  await small.put('job-1.args', new Uint8Array(400_000))
  await expect(small.put('job-2.args', new Uint8Array(800_000))).rejects.toMatchObject({ code: 'BACKEND_FAILED', message: expect.stringMatching(/job-2\.args: the disk is full\. Nothing of this payload was kept; make room/) })
  expect(readdirSync(join(disk.path, 'payloads'))).toEqual(['job-1.args'])
  disk.remount('size=4096k')
  await small.put('job-2.args', new Uint8Array(800_000))
  disk.remount('ro')
  await expect(small.put('job-3.args', bytes)).rejects.toMatchObject({ code: 'BACKEND_FAILED', message: expect.stringContaining('may not read or write') })
  await expect(small.forget(['job-1'])).rejects.toMatchObject({ code: 'BACKEND_FAILED' })
  expect(await small.get('job-2.args')).toHaveLength(800_000)
})
