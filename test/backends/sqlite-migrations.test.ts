import { readFileSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { migrations } from '../../src/backends/sqlite/schema.ts'
import { sqlite } from '../../src/backends/sqlite/sqlite-backend.ts'
import { VirtualClock } from '../../src/kernel/virtual-clock.ts'
import { bytes, ids, newJob, request, result, settlement, succeed } from '../../src/testing/backend-conformance/bench.ts'
import { newSchedule } from '../../src/testing/backend-conformance/schedules.ts'
import { sharedFolder } from '../support/temporary-folder.ts'

const folder = sharedFolder()
const began = 1_700_000_000_000

/** A file that Treadle wrote when its tables were of version 1: a job in every state. */
function versionOne(name: string): string {
  const path = join(folder, name)
  const db = new DatabaseSync(path)
  db.exec(readFileSync(join(import.meta.dirname, '../fixtures/backends/version-1.sql'), 'utf8'))
  db.close()
  return path
}

test('an older file is brought up to date: every job stands where it stood', async () => {
  const clock = new VirtualClock(began + 20)
  const backend = await sqlite(versionOne('older.db'), { clock })
  const jobs = new Map((await backend.list({ limit: 100 })).map((job) => [job.id, job]))
  const stands = Object.fromEntries(Array.from(jobs, ([id, { state, attempt, token, dueAt }]) => [id, [state, attempt, token, dueAt - began]]))
  expect(stands).toEqual({
    ready: ['ready', 0, 0, 0],
    expiring: ['ready', 0, 0, 0],
    delayed: ['scheduled', 0, 0, 5_000],
    succeeded: ['succeeded', 1, 1, 0],
    failed: ['failed', 1, 1, 0],
    retried: ['scheduled', 1, 1, 700],
    dead: ['dead', 1, 1, 0],
    cancelled: ['active', 1, 1, 0],
    active: ['active', 1, 1, 0],
    rescued: ['ready', 0, 1, 0],
    'waiting-cancelled': ['cancelled', 0, 0, 20]
  })
  expect(jobs.get('ready')).toMatchObject({ priority: 3, tags: [], expiresAt: Infinity })
  expect(jobs.get('expiring')).toMatchObject({ queue: 'other', expiresAt: began + 60_000 })
  expect(jobs.get('succeeded')).toMatchObject({ result, spent: { wall: 12.5, cpu: 3.25 }, finishedAt: began })
  expect(jobs.get('rescued')).toMatchObject({ rescues: 1, deaths: 0, suspect: false })
  expect(jobs.get('cancelled')).toMatchObject({ worker: 'worker-1', cancelling: true })

  // And goes on as if it had always been there.
  expect((await backend.reserve(request({ worker: 'worker-1', queues: [] }))).cancelling).toEqual([{ job: 'cancelled', token: 1 }])
  await backend.settle([settlement({ job: 'cancelled', token: 1 }, { event: 'stop' }), succeed({ job: 'active', token: 1 })])
  expect((await backend.read(['cancelled', 'active'])).map((job) => job?.state)).toEqual(['cancelled', 'succeeded'])
  await clock.advance(5_000)
  const { deliveries } = await backend.reserve(request({ queues: ['default', 'other', 'retried', 'rescued'] }))
  expect(deliveries.map(({ job, token }) => [job, token])).toEqual([['ready', 1], ['expiring', 1], ['delayed', 1], ['retried', 2], ['rescued', 2]])
  expect(deliveries.every(({ payload }) => Buffer.compare(payload, bytes('payload')) === 0)).toBe(true)
  await backend.settle(deliveries.map(succeed))
  const counts = (await backend.stats()).queues
  expect(Object.values(counts).reduce((sum, { ready, active, scheduled }) => sum + ready + active + scheduled, 0)).toBe(0)
  await backend.close()
})

test('two that open an older file at the same moment migrate it once', async () => {
  const path = versionOne('at once.db')
  const backends = await Promise.all([sqlite(path), sqlite(path), sqlite(path)])
  expect((await backends[2].list({ limit: 100 })).length).toBe(11)
  await Promise.all(backends.map((backend) => backend.close()))
})

test('a migration that fails leaves the older file as it was', async () => {
  const path = versionOne('broken.db')
  const db = new DatabaseSync(path)
  // In the way of a table that the migration makes.
  db.exec('CREATE TABLE treadle_stories (mine TEXT)')
  db.close()
  await expect(sqlite(path)).rejects.toMatchObject({ code: 'BACKEND_FAILED' })
  const after = new DatabaseSync(path)
  expect(after.prepare("SELECT value FROM treadle_meta WHERE key = 'version'").get()).toEqual({ value: 1 })
  expect(after.prepare('SELECT count(*) AS jobs FROM treadle_jobs WHERE state IS NOT NULL').get()).toEqual({ jobs: 11 })
  after.close()
})

test('what an older Treadle holds open is not taken from it: a delivery of its worker is still accepted', async () => {
  const backend = await sqlite(versionOne('held.db'), { clock: new VirtualClock(began + 20) })
  expect(await backend.extend('worker-2', [{ job: 'active', token: 1 }], 60_000)).toEqual([])
  await backend.publish([newJob({ queue: 'active' })])
  const { reservation, stale } = await backend.settle([succeed({ job: 'active', token: 1 })], request({ worker: 'worker-2', queues: ['active'] }))
  expect([stale, ids(reservation).length]).toEqual([[], 1])
  await backend.close()
})

test('a file of version 2 gets schedules', async () => {
  const path = join(folder, 'version-2.db')
  const before = new DatabaseSync(path)
  before.exec('CREATE TABLE treadle_meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID')
  for (const step of migrations.slice(0, 2)) before.exec(step)
  before.exec("INSERT INTO treadle_meta VALUES ('version', 2)")
  before.close()
  const backend = await sqlite(path, { clock: new VirtualClock(began) })
  const schedule = newSchedule()
  const job = newJob()
  expect(await backend.changeSchedules([{ name: schedule.name, seen: undefined, schedule, jobs: [job] }])).toEqual([true])
  expect([(await backend.dueSchedules(1)).schedules, ids(await backend.reserve(request()))]).toEqual([[schedule], [job.id]])
  await backend.close()
})
