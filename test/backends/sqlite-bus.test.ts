import { DatabaseSync } from 'node:sqlite'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { SqliteEngine } from '../../src/backends/sqlite/engine.ts'
import { heardAfter } from '../../src/backends/sqlite/message-tables.ts'
import { migrations } from '../../src/backends/sqlite/schema.ts'
import { sqlite } from '../../src/backends/sqlite/sqlite-backend.ts'
import { eventsTopic } from '../../src/backends/bus.ts'
import { VirtualClock } from '../../src/kernel/virtual-clock.ts'
import { deliver, newJob, read, succeed } from '../../src/testing/backend-conformance/bench.ts'
import { hearing } from '../../src/testing/backend-conformance/bus.ts'
import { sharedFolder } from '../support/temporary-folder.ts'

const folder = sharedFolder()

function rows(path: string): unknown {
  const db = new DatabaseSync(path)
  try {
    return db.prepare('SELECT (SELECT count(*) FROM treadle_messages) AS messages, (SELECT count(*) FROM treadle_hearers) AS hearers').get()
  } finally {
    db.close()
  }
}

test('for a hearer that was killed nothing is kept any more once its time is over', () => {
  const path = join(folder, 'killed.db')
  const clock = new VirtualClock()
  const engine = new SqliteEngine(path, 'process', clock, () => {})
  engine.hear(eventsTopic, 15_000)
  engine.publish([newJob()])
  expect(rows(path)).toEqual({ messages: 1, hearers: 1 })
  const later = new SqliteEngine(path, 'process', { now: () => clock.now() + 15_000 }, () => {})
  later.publish([newJob()])
  expect(rows(path)).toEqual({ messages: 0, hearers: 0 })
  engine.close()
  later.close()
})

test('a hearer that was forgotten hears that it missed something, and goes on', async () => {
  const path = join(folder, 'forgotten.db')
  const clock = new VirtualClock()
  const backend = await sqlite(path, { clock })
  const told: string[] = []
  const [first, again] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  const own = backend.hear('one', {
    heard(message) {
      told.push(message)
      if (message === 'one') first.resolve()
      if (message === 'three') again.resolve()
    },
    missed: () => told.push('missed'),
    failed() {}
  })
  await own.ready
  await backend.post('one', 'one')
  await first.promise
  const db = new DatabaseSync(path)
  db.exec('DELETE FROM treadle_hearers')
  db.close()
  await backend.post('one', 'two')
  await clock.advance(5_000)
  await backend.post('one', 'three')
  await again.promise
  expect(told).toEqual(['one', 'missed', 'three'])
  await backend.close()
  expect(rows(path)).toEqual({ messages: 0, hearers: 0 })
})

test('what was dropped before it was read shows as a gap, whatever the letters', () => {
  const engine = new SqliteEngine(join(folder, 'gap.db'), 'process', new VirtualClock(), () => {})
  const { upto } = engine.hear('one', 15_000)
  const large = 'é'.repeat(2 ** 20)
  for (let n = 0; n < 6; n++) engine.post('one', `${n}${large}`)
  const heard = engine.at((sql) => heardAfter(sql, 'one', upto))
  expect(heard.missed).toBe(true)
  expect(heard.messages.map((message) => message[0])).toEqual(['2', '3', '4', '5'])
  const rest = engine.at((sql) => heardAfter(sql, 'one', heard.upto))
  expect(rest).toEqual({ messages: [], upto: heard.upto, missed: false })
  engine.close()
})

test('a file of the version before is brought up to date, with its jobs and workers', async () => {
  const path = join(folder, 'version-2.db')
  const db = new DatabaseSync(path)
  db.exec('CREATE TABLE treadle_meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID')
  for (const step of migrations.slice(0, 2)) db.exec(step)
  db.exec(`
    INSERT INTO treadle_meta VALUES ('version', 2);
    INSERT INTO treadle_workers (id, lease_until) VALUES ('old', 1e15);
    INSERT INTO treadle_jobs (id, task, queue, place, priority, created_at, due_at, payload) VALUES ('kept', 'task', 'default', 1, 0, 0, 0, x'00');
    INSERT INTO treadle_ready (queue, line, rank, seq, attempt, token) VALUES ('default', 1, 0, 1, 0, 0);
  `)
  db.close()
  const backend = await sqlite(path, { clock: new VirtualClock() })
  using ear = await hearing(backend, eventsTopic)
  expect(await read(backend, 'kept')).toMatchObject({ state: 'ready' })
  expect((await backend.stats()).workers).toMatchObject([{ id: 'old', capacity: 0, queues: [] }])
  await backend.settle([succeed(await deliver(backend))])
  expect(JSON.parse((await ear.first(1))[0]!)).toMatchObject([{ type: 'enqueued' }])
  await backend.close()
})
