import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { Backend } from '../../src/backends/backend.ts'
import { sqlite } from '../../src/backends/sqlite/sqlite-backend.ts'
import { threadedSqlite } from '../../src/backends/sqlite/threaded-sqlite.ts'
import { ids, newJob, request, watched, woken } from '../../src/testing/backend-conformance/bench.ts'
import { TestProcess } from '../support/processes.ts'
import { sharedFolder } from '../support/temporary-folder.ts'

const folder = sharedFolder()

function start(fixture: string, ...args: string[]): TestProcess {
  return new TestProcess(join(import.meta.dirname, `../fixtures/backends/${fixture}.ts`), args)
}

describe.each([['in process', sqlite], ['in a thread', threadedSqlite]] as const)('%s', (name, open) => {
  test('a listener is woken by what another process publishes', async () => {
    const path = join(folder, `${name} wake.db`)
    const backend = await open(path)
    using listening = await woken(backend, ['default'])
    await using other = start('publish', path, '1')
    await listening.heard
    expect(ids(await backend.reserve(request({ room: { thread: 100 } })))).toHaveLength(25)
    expect(await other.ended()).toBe(0)
    await backend.close()
  })

  test('an end in another process is told', async () => {
    const path = join(folder, `${name} end.db`)
    const backend = await open(path)
    const job = newJob()
    await backend.publish([job])
    using watch = watched(backend, [job.id])
    await using other = start('finish', path)
    expect(await watch.all).toMatchObject([{ job: job.id, state: 'succeeded' }])
    expect(await other.ended()).toBe(0)
    await backend.close()
  })
})

test('processes that publish at the same time lose nothing', async () => {
  const path = join(folder, 'together.db')
  const others = ['a', 'b', 'c'].map((prefix) => start('publish', path, '20', prefix))
  for (const other of others) expect(await other.ended()).toBe(0)
  const backend = await sqlite(path)
  const acknowledged = others.flatMap((other) => other.lines).filter((line) => line !== 'done')
  expect(acknowledged).toHaveLength(3 * 20 * 25)
  expect((await backend.read(acknowledged)).every((job) => job?.state === 'ready')).toBe(true)
  expect((await backend.stats()).queues['default']?.ready).toBe(acknowledged.length)
  await backend.close()
})

test('no acknowledged publish is lost when its process is killed', async () => {
  const path = join(folder, 'killed.db')
  for (let round = 0; round < 3; round++) {
    await using other = start('publish', path, '20000', `${round}-`)
    await other.line((line) => line.endsWith(`${25 * (10 + round)}`))
    await other.kill()
    const backend = await sqlite(path)
    expect(other.lines.length).toBeGreaterThan(0)
    expect(await missing(backend, other.lines)).toEqual([])
    const stats = await backend.stats()
    expect(stats.queues['default']!.ready % 25, 'a batch is kept whole or not at all').toBe(0)
    await backend.close()
  }
})

async function missing(backend: Backend, jobs: readonly string[]): Promise<readonly string[]> {
  const found = await backend.read(jobs)
  return jobs.filter((_, at) => found[at]?.state !== 'ready')
}

test('a program that closes nothing ends once nothing is awaited', async () => {
  await using script = start('leaves-open', join(folder, 'open.db'))
  expect(await script.ended()).toBe(0)
  expect(script.lines).toEqual(['published'])
})

test('a program that watches a job stays until it has ended', async () => {
  const path = join(folder, 'watching.db')
  await using script = start('leaves-open', path, 'watch')
  await script.line((line) => line === 'published')
  await using other = start('finish', path)
  expect(await other.ended()).toBe(0)
  expect(await script.ended()).toBe(0)
  expect(script.lines).toEqual(['published', 'told 1'])
})
