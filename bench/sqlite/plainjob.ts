import { fork } from 'node:child_process'
import { once } from 'node:events'
import { DatabaseSync, type SQLInputValue } from 'node:sqlite'
import { fileURLToPath } from 'node:url'
import { type Connection, JobStatus, defineQueue, defineWorker } from 'plainjob'
import { type Measure, percentiles, perSecond } from '../suite.ts'
import { awaited, backlog, bulk, bulkTotal, concurrent, concurrentTotal, drained, freshFile, idleShare, pause, payload, probes, sharedNow } from '../queue/load.ts'

const silent = { error() {}, warn() {}, info() {}, debug() {} }

/** plainjob takes a driver of this form; node:sqlite is the one that Treadle uses too, so that only the queues differ. */
function driver(file: string): Connection {
  const db = new DatabaseSync(file)
  type Row = Record<string, SQLInputValue>
  // better-sqlite3 passes over parameters that a statement does not name, as node:sqlite does when told so.
  const prepare = (sql: string): ReturnType<Connection['prepare']> => {
    const statement = db.prepare(sql)
    statement.setAllowUnknownNamedParameters(true)
    return {
      run: (...values: SQLInputValue[] | [Row]) => statement.run(...values as SQLInputValue[]) as { changes: number, lastInsertRowid: number },
      get: (...values: unknown[]) => statement.get(...values as SQLInputValue[]),
      all: (...values: unknown[]) => statement.all(...values as SQLInputValue[])
    }
  }
  const transaction = (fn: (...values: unknown[]) => unknown): unknown => {
    const immediate = (...values: unknown[]): unknown => {
      db.exec('BEGIN IMMEDIATE')
      try {
        const result = fn(...values)
        db.exec('COMMIT')
        return result
      } catch (error) {
        db.exec('ROLLBACK')
        throw error
      }
    }
    return Object.assign(immediate, { immediate })
  }
  return {
    driver: 'better-sqlite3',
    filename: file,
    pragma: (text) => db.exec(`PRAGMA ${text}`),
    exec: (sql) => db.exec(sql),
    prepare,
    transaction: transaction as Connection['transaction'],
    close: () => db.close()
  }
}

const open = (file: string): ReturnType<typeof defineQueue> => defineQueue({ connection: driver(file), logger: silent })

export const measure: Measure = async (name) => {
  const file = freshFile()
  const queue = open(file)
  const [kind, size] = name.split('-')
  switch (kind) {
    case 'enqueue': {
      queue.add('noop', payload)
      const start = performance.now()
      if (size === 'bulk') {
        for (let i = 0; i < bulkTotal; i += bulk) queue.addMany('noop', Array.from({ length: bulk }, () => payload))
        return { '': perSecond(bulkTotal, start) }
      }
      // Its add is synchronous: 64 at once are 64 in turn.
      const total = size === '1' ? awaited : Math.floor(concurrentTotal / concurrent) * concurrent
      for (let i = 0; i < total; i++) queue.add('noop', payload)
      return { '': perSecond(total, start) }
    }
    case 'command':
      return {} // it has none
    case 'drain':
    case 'backlog': {
      for (let i = 0; i < (kind === 'drain' ? drained : backlog); i += bulk) queue.addMany('noop', Array.from({ length: bulk }, () => payload))
      const done = Promise.withResolvers<void>()
      let left = drained
      const workers = Array.from({ length: Number(size) }, () =>
        defineWorker('noop', async () => {}, { queue, logger: silent, onCompleted: () => { if (--left === 0) done.resolve() } }))
      const start = performance.now()
      for (const worker of workers) void worker.start()
      await done.promise
      return { '': perSecond(drained, start) }
    }
    default: {
      const worker = fork(fileURLToPath(import.meta.url), [file])
      await once(worker, 'message')
      if (name === 'idle-worker') {
        const share = await idleShare(worker.pid!)
        worker.kill()
        return { '': share }
      }
      const took: number[] = []
      // It polls once a second: fewer probes, or the run takes minutes.
      for (let i = 0; i < probes / 100; i++) {
        await pause()
        const asked = sharedNow()
        const started = once(worker, 'message')
        const { id } = queue.add('noop', payload)
        if (name === 'latency-start') {
          took.push((await started as [number])[0] - asked)
          continue
        }
        // It has no results to wait for; its user would look at the job's status.
        while (queue.getJobById(id)?.status !== JobStatus.Done) await new Promise((resolve) => { setTimeout(resolve, 1) })
        took.push(sharedNow() - asked)
      }
      worker.kill()
      return percentiles(took)
    }
  }
}

// The worker's process of the latency cases.
if (import.meta.main && process.send) {
  const worker = defineWorker('noop', async () => { process.send!(sharedNow()) }, { queue: open(process.argv[2]!), logger: silent })
  process.send('ready')
  await worker.start()
}
