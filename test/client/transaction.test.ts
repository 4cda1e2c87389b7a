import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expect, onTestFinished, test } from 'vitest'
import { connect } from '../../src/client/connect.ts'
import type { Client } from '../../src/client/client.ts'
import { type StandardSchema, call, task } from '../../src/index.ts'
import { startWorker } from '../../src/worker/start-worker.ts'
import * as tasks from '../fixtures/queue/tasks.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

async function program(): Promise<{ db: DatabaseSync, queue: Client, url: string }> {
  const folder = temporaryFolder()
  const path = join(folder.path, 'app.db')
  const queue = await connect(`sqlite:${path}`, { tasks })
  const db = new DatabaseSync(path)
  db.exec('CREATE TABLE orders (id INTEGER PRIMARY KEY)')
  onTestFinished(async () => {
    db.close()
    await queue.close()
    folder[Symbol.dispose]()
  })
  return { db, queue, url: `sqlite:${path}` }
}

test('a job enqueued inside a transaction is there, and runs, once that commits; rolled back it never was', async () => {
  const { db, queue, url } = await program()
  await using _worker = await startWorker(url, { tasks, threads: 1 })
  const orders = queue.inside(db)
  db.exec('BEGIN IMMEDIATE')
  db.exec('INSERT INTO orders VALUES (1)')
  const lost = orders.enqueue(tasks.add, 1, 1)
  db.exec('ROLLBACK')
  db.exec('BEGIN IMMEDIATE')
  db.exec('INSERT INTO orders VALUES (2)')
  const [first, second] = orders.enqueueMany(tasks.add, [[1, 2], [3, 4]])
  const linked = orders.enqueue(tasks.add.with({ link: call(tasks.parentOf.with({ tags: ['after'] }), 'after'), key: 'k', ordered: true }), 5, 6)
  db.exec('COMMIT')
  expect(await Promise.all([first!, second!, linked].map((job) => job.result()))).toEqual([3, 7, 11])
  await expect(lost.state()).rejects.toMatchObject({ code: 'UNKNOWN_JOB' })
  expect(db.prepare('SELECT id FROM orders').all()).toEqual([{ id: 2 }])
  expect((await queue.stats()).queues['default']!.succeeded).toBeGreaterThanOrEqual(3)
})

test('unique calls are told from each other inside a transaction too, and one refused leaves the others', async () => {
  const { db, queue } = await program()
  const outside = await queue.enqueue(tasks.add.with({ unique: true }), 1, 1)
  const orders = queue.inside(db)
  db.exec('BEGIN')
  expect(orders.enqueue(tasks.add.with({ unique: true }), 1, 1)).toMatchObject({ admission: 'merged', id: outside.id })
  const kept = orders.enqueue(tasks.add, 2, 2)
  expect(() => orders.enqueue(tasks.giveBack, () => 1)).toThrow(expect.objectContaining({ code: 'UNCLONEABLE' }))
  db.exec('COMMIT')
  expect((await queue.list({})).map(({ id }) => id)).toEqual([outside.id, kept.id])
})

test('what cannot be inside a transaction is refused before anything is written', async () => {
  const { db, queue } = await program()
  const orders = queue.inside(db)
  const refused = (act: () => unknown, message: RegExp): void => expect(act).toThrow(expect.objectContaining({ code: 'INVALID_OPTION', message: expect.stringMatching(message) as string }))
  refused(() => orders.enqueue(tasks.add, 1, 1), /BEGIN/)
  refused(() => queue.inside({}), /DatabaseSync/)
  refused(() => queue.inside(new DatabaseSync(':memory:')), /a transaction is in one file/)
  db.exec('BEGIN')
  const slow: StandardSchema<[n: number]> = { '~standard': { version: 1, vendor: 'none', validate: async (value) => ({ value: value as [number] }) } }
  refused(() => orders.enqueue(task({ name: 'checked', args: slow }, async (n: number) => n), 1), /async schema/)
  refused(() => orders.enqueue(task({ name: 'watched', middleware: [{ enqueue: async (_, next) => next() }] }, async () => 1)), /middleware/)
  refused(() => orders.enqueueMany(tasks.add, 5 as never), /an iterable with the arguments of each call/)
  db.exec('COMMIT')
  expect(await queue.list({})).toEqual([])
  await queue.close()
  expect(() => orders.enqueue(tasks.add, 1, 1)).toThrow(expect.objectContaining({ code: 'CLOSED' }))
  await using here = await connect('memory:', { tasks })
  refused(() => here.inside(db), /this backend has no transactions/)
})

test('events tell of what a transaction enqueued once it has committed, and of nothing that was rolled back', async () => {
  const { db, queue } = await program()
  const orders = queue.inside(db)
  const events = queue.events({ types: ['enqueued'] })
  await events.ready
  db.exec('BEGIN IMMEDIATE')
  orders.enqueue(tasks.add, 1, 1)
  db.exec('ROLLBACK')
  db.exec('BEGIN IMMEDIATE')
  const jobs = [...orders.enqueueMany(tasks.add, [[1, 2], [3, 4]]), orders.enqueue(tasks.add, 5, 6)]
  db.exec('COMMIT')
  const told: unknown[] = []
  for await (const event of events) if (told.push('job' in event && event.job) === jobs.length) break
  expect(told).toEqual(jobs.map(({ id }) => id))
})

test('whatever its connection makes of numbers and rows, a transaction says and does the same', async () => {
  const { queue, url } = await program()
  for (const options of [{ readBigInts: true }, { returnArrays: true }]) {
    using db = new DatabaseSync(url.slice('sqlite:'.length), options)
    const call = tasks.add.with({ unique: { key: JSON.stringify(options), taken: 'replace' }, key: 'k', expires: '1m' })
    const [, before] = [await queue.limit({ key: 'k' }, { concurrency: 1, weight: 3 }), await queue.enqueue(call, 1, 1)]
    db.exec('BEGIN')
    const after = queue.inside(db).enqueue(call, 2, 2)
    db.exec('COMMIT')
    expect([after.id, after.admission]).toEqual([before.id, 'replaced'])
  }
})
