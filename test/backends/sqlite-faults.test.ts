import { spawnSync } from 'node:child_process'
import { openSync, readFileSync, statSync, writeSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { networkFileSystem } from '../../src/backends/sqlite/network-file-system.ts'
import { sqlite } from '../../src/backends/sqlite/sqlite-backend.ts'
import { threadedSqlite } from '../../src/backends/sqlite/threaded-sqlite.ts'
import { newJob, read, request, succeed } from '../../src/testing/backend-conformance/bench.ts'
import { testWith } from '../support/requirements.ts'
import { SmallDisk, testWithDisk } from '../support/small-disk.ts'
import { sharedFolder } from '../support/temporary-folder.ts'

const folder = sharedFolder()

describe.each([['in process', sqlite], ['in a thread', threadedSqlite]] as const)('%s', (name, open) => {
  testWithDisk('a full disk: what was acknowledged is kept, what was not is refused, and with room it goes on', async () => {
    using disk = new SmallDisk(1_024)
    const path = join(disk.path, 'jobs.db')
    const backend = await open(path)
    const kept: string[] = []
    const fill = async (): Promise<never> => {
      for (;;) {
        const job = newJob({ payload: new Uint8Array(50_000) })
        await backend.publish([job])
        kept.push(job.id)
      }
    }
    await expect(fill()).rejects.toMatchObject({ code: 'BACKEND_FAILED', message: expect.stringMatching(/the disk is full\. Nothing of this call was kept; make room/) })
    expect(kept.length).toBeGreaterThan(0)
    expect((await backend.read(kept)).every((job) => job?.state === 'ready')).toBe(true)
    expect((await backend.stats()).queues['default']).toMatchObject({ ready: kept.length })
    disk.remount('size=8192k')
    const after = newJob({ payload: new Uint8Array(50_000) })
    await backend.publish([after])
    const { deliveries } = await backend.reserve(request({ room: { thread: 1_000 } }))
    expect(deliveries.map(({ job }) => job)).toEqual([...kept, after.id])
    await backend.settle(deliveries.map(succeed))
    await backend.close()
  })

  testWithDisk('a file on a read-only disk is refused with what to do, and an open one says so at the next call', async () => {
    using disk = new SmallDisk(4_096)
    const path = join(disk.path, 'jobs.db')
    await (await open(path)).close()
    disk.remount('ro')
    await expect(open(path)).rejects.toMatchObject({ code: 'BACKEND_FAILED', message: expect.stringMatching(/jobs\.db: .*(writ|open)/) })
    await expect(open(join(disk.path, 'new.db'))).rejects.toMatchObject({ code: 'BACKEND_FAILED' })
    disk.remount('rw')
    const backend = await open(path)
    await backend.publish([newJob()])
    await backend.close()
  })

  test('a damaged file fails what meets the damage, with how to rescue the rest', async () => {
    const path = join(folder, `damaged ${name}.db`)
    const backend = await open(path)
    await backend.publish(Array.from({ length: 500 }, () => newJob({ payload: new Uint8Array(1_000) })))
    await backend.close()
    const file = openSync(path, 'r+')
    for (let at = 4_096; at < statSync(path).size; at += 4_096) writeSync(file, Buffer.alloc(4_096, 0xee), 0, 4_096, at)
    const damaged = await open(path).then(async (opened) => {
      try {
        return await opened.reserve(request()).catch((thrown: unknown) => thrown)
      } finally {
        await opened.close()
      }
    }, (thrown: unknown) => thrown)
    expect(damaged).toMatchObject({ code: 'BACKEND_FAILED', message: expect.stringMatching(/damaged .*"sqlite3 FILE \.recover"/) })
  })

  test('a file that stays locked is an error that says what to look for, after the time that was given', async () => {
    const path = join(folder, `locked ${name}.db`)
    const backend = await open(path, { busyTimeout: 50 })
    const other = new DatabaseSync(path)
    other.exec('BEGIN IMMEDIATE')
    await expect(backend.publish([newJob()])).rejects.toMatchObject({ code: 'BACKEND_FAILED', message: expect.stringMatching(/locked by another process for \d+ ms\. Find what holds a transaction open/) })
    other.exec('COMMIT')
    other.close()
    const job = newJob()
    await backend.publish([job])
    expect((await read(backend, job.id)).state).toBe('ready')
    await backend.close()
  })
})

test('a network file system is known by its number, and a local one is none', () => {
  const on = (type: number): string | undefined => networkFileSystem('/any', () => type)
  if (process.platform !== 'linux') return expect(on(0x6969)).toBeUndefined()
  expect([on(0x6969), on(0xff534d42), on(0xfe534d42 | 0), on(0xef53)]).toEqual(['NFS', 'CIFS', 'SMB', undefined])
  expect(networkFileSystem(folder)).toBeUndefined()
})

testWith(['strace', '-V'], 'apt-get install strace')('only durability: disk waits for the disk with each transaction; both outlive SIGKILL', async () => {
  const syncs = async (durability: string): Promise<number> => {
    const path = join(folder, `durable ${durability}.db`)
    const trace = join(folder, `trace ${durability}`)
    spawnSync('strace', ['-f', '-e', 'trace=fsync,fdatasync', '-o', trace, process.execPath, join(import.meta.dirname, '../fixtures/backends/keeps-many.ts'), path, durability])
    const backend = await sqlite(path)
    expect((await backend.list({ limit: 100 })).length).toBe(20)
    await backend.close()
    return readFileSync(trace, 'utf8').split('\n').filter((line) => /f(data)?sync\(/.test(line)).length
  }
  const [process_, disk] = [await syncs('process'), await syncs('disk')]
  expect(disk).toBeGreaterThanOrEqual(20)
  expect(process_).toBeLessThan(10)
})
