import { realpathSync } from 'node:fs'
import type { DatabaseSync } from 'node:sqlite'
import type { NewJob } from '../../jobs/job.ts'
import { InvalidOptionError } from '../../kernel/errors.ts'
import type { Enlisted } from '../broker.ts'
import { JobTables } from './job-tables.ts'
import { MessageTables } from './message-tables.ts'
import { Publisher } from './publisher.ts'
import { prepareAll } from './statements.ts'

/**
 * Treadle's tables on a connection of the program's own, whose transactions they are part of. Who listens hears of a commit as of any other process's: by the file.
 *
 * @param path the file that the backend has open
 * @throws InvalidOptionError where the connection is none, or one to another file
 */
export function enlist(path: string, connection: unknown): Enlisted {
  const db = connection as DatabaseSync
  if (typeof db?.prepare !== 'function' || typeof db.location !== 'function' || !('isTransaction' in db)) throw new InvalidOptionError('inside()', connection, 'a DatabaseSync of node:sqlite')
  const location = db.location()
  if (location === null || realpathSync(location) !== realpathSync(path)) throw new InvalidOptionError('inside()', location ?? ':memory:', `a connection to ${path}: a transaction is in one file`)
  const sql = prepareAll(db)
  const messages = new MessageTables(sql)
  const tables: JobTables = new JobTables(sql, messages, (job, now, parent) => void publisher.one(job, now, parent))
  const publisher = new Publisher(sql, tables, messages)
  return {
    publish(jobs: readonly NewJob[]) {
      if (!db.isTransaction) throw new InvalidOptionError('enqueue in a transaction', 'none', "one that is open: db.exec('BEGIN') first")
      // Where one of them is refused, none is there, and the transaction may go on.
      db.exec('SAVEPOINT treadle_enqueue')
      try {
        const now = publisher.begin()
        const taken = jobs.map((job) => publisher.one(job, now)).filter((one) => one !== undefined)
        tables.finish(now)
        db.exec('RELEASE treadle_enqueue')
        return taken
      } catch (error) {
        if (db.isTransaction) db.exec('ROLLBACK TO treadle_enqueue; RELEASE treadle_enqueue')
        throw error
      } finally {
        tables.reset()
      }
    }
  }
}
