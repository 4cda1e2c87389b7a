import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { describe, expect, test } from 'vitest'
import { openBackend } from '../../src/backends/registry.ts'
import { backendError } from '../../src/backends/sqlite/errors.ts'
import { sqlite } from '../../src/backends/sqlite/sqlite-backend.ts'
import { threadedSqlite } from '../../src/backends/sqlite/threaded-sqlite.ts'
import { systemClock } from '../../src/kernel/clock.ts'
import { BackendError, TreadleError } from '../../src/kernel/errors.ts'
import { silentLogger } from '../../src/kernel/logger.ts'
import { newJob, read } from '../../src/testing/backend-conformance/bench.ts'
import { sharedFolder } from '../support/temporary-folder.ts'

const folder = sharedFolder()

describe.each([['in process', sqlite], ['in a thread', threadedSqlite]] as const)('%s', (name, open) => {
  const refusal = async (path: string): Promise<unknown> => open(path).then(() => 'opened', (error: unknown) => error)
  const own = (file: string): string => join(folder, `${name} ${file}`)

  test('a file of a newer Treadle is refused, and left as it is', async () => {
    const path = own('newer.db')
    await (await open(path)).close()
    const db = new DatabaseSync(path)
    db.exec("UPDATE treadle_meta SET value = 999 WHERE key = 'version'")
    db.close()
    const before = readFileSync(path)
    const error = await refusal(path)
    expect(error).toBeInstanceOf(BackendError)
    expect(error).toBeInstanceOf(TreadleError)
    expect(error).toMatchObject({ code: 'BACKEND_FAILED', message: expect.stringMatching(/newer Treadle.*version 999/) })
    expect(readFileSync(path).equals(before)).toBe(true)
  })

  test('a file that is no database is refused, and left as it is', async () => {
    const path = own('notes.txt')
    writeFileSync(path, 'Dear diary, today I was nearly overwritten. '.repeat(100))
    const before = readFileSync(path)
    const error = await refusal(path)
    expect(error).toBeInstanceOf(BackendError)
    expect(error).toMatchObject({ message: expect.stringMatching(/not a SQLite database/) })
    expect(readFileSync(path).equals(before)).toBe(true)
  })

  test('a path that can hold no file is refused with what is wrong', async () => {
    mkdirSync(own('folder'))
    expect(await refusal(own('none/app.db'))).toMatchObject({ code: 'BACKEND_FAILED', message: expect.stringMatching(/folder .* does not exist/) })
    expect(await refusal(own('folder'))).toMatchObject({ code: 'BACKEND_FAILED', message: expect.stringMatching(/is a folder/) })
    expect(await refusal(':memory:')).toMatchObject({ code: 'BACKEND_FAILED', message: expect.stringMatching(/'memory:'/) })
    expect(await refusal('')).toMatchObject({ code: 'BACKEND_FAILED' })
  })

  test("it lives in the program's own database without touching what is there", async () => {
    const path = own('app.db')
    const app = new DatabaseSync(path)
    app.exec("PRAGMA user_version = 7; CREATE TABLE jobs (id TEXT); INSERT INTO jobs VALUES ('mine')")
    app.close()
    const backend = await open(path)
    await backend.publish([newJob()])
    await backend.close()
    const db = new DatabaseSync(path)
    expect(db.prepare('PRAGMA user_version').get()).toEqual({ user_version: 7 })
    expect(db.prepare('SELECT id FROM jobs').all()).toEqual([{ id: 'mine' }])
    expect(db.prepare("SELECT name FROM sqlite_schema WHERE name NOT LIKE 'treadle\\_%' ESCAPE '\\' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'").all()).toEqual([{ name: 'jobs' }])
    db.close()
  })

  test('several may open a new file at the same moment', async () => {
    const path = own('at once.db')
    const backends = await Promise.all(Array.from({ length: 4 }, () => open(path)))
    const jobs = backends.map(() => newJob())
    await Promise.all(backends.map((backend, at) => backend.publish([jobs[at]!])))
    expect((await backends[0]!.read(jobs.map(({ id }) => id))).every((job) => job?.state === 'ready')).toBe(true)
    await Promise.all(backends.map((backend) => backend.close()))
  })
})

test('a batch of which a part cannot be kept is not kept at all', async () => {
  const backend = await sqlite(join(folder, 'atomic.db'))
  const good = newJob()
  await expect(backend.publish([good, newJob({ payload: null as unknown as Uint8Array })])).rejects.toThrow()
  expect(await backend.read([good.id])).toEqual([undefined])
  expect((await backend.stats()).queues).toEqual({})
  await backend.publish([good])
  expect((await read(backend, good.id)).state).toBe('ready')
  await backend.close()
})

test('a file that may not be written is an error that says so', async () => {
  const path = join(folder, 'read only.db')
  await (await sqlite(path)).close()
  const db = new DatabaseSync(path, { readOnly: true })
  let thrown: unknown
  try {
    db.exec('DELETE FROM treadle_jobs')
  } catch (error) {
    thrown = error
  }
  db.close()
  expect(backendError(thrown, path)).toMatchObject({ code: 'BACKEND_FAILED', message: expect.stringMatching(/may not be written/), cause: thrown })
})

describe('URLs', () => {
  const open = (url: string): ReturnType<typeof openBackend> => openBackend(url, { clock: systemClock, log: silentLogger, threaded: false })

  test.each([
    ['memory:'],
    [`sqlite:${join(folder, 'plain.db')}`],
    [`sqlite:${join(folder, 'disk.db')}?durability=disk`],
    [`SQLite:${pathToFileURL(join(folder, 'a space.db')).href.slice('file:'.length)}`]
  ])('%s is opened', async (url) => {
    const backend = await open(url)
    const job = newJob()
    await backend.publish([job])
    expect((await read(backend, job.id)).state).toBe('ready')
    await backend.close()
  })

  test('another one is refused with those that there are, and without its password', async () => {
    const error = await open('amqp://me:secret@host/0').catch((error: unknown) => error)
    expect(error).toMatchObject({ code: 'UNKNOWN_BACKEND', message: expect.stringMatching(/amqp:\/\/me:\*\*\*@host.*sqlite:app\.db/) })
    expect((error as Error).message).not.toContain('secret')
    await expect(open('app.db')).rejects.toMatchObject({ code: 'UNKNOWN_BACKEND' })
  })

  test('an option that there is not is refused', async () => {
    await expect(open('sqlite:app.db?durability=hope')).rejects.toMatchObject({ code: 'INVALID_OPTION' })
    await expect(open('sqlite:app.db?timeout=1')).rejects.toMatchObject({ code: 'INVALID_OPTION' })
  })
})
