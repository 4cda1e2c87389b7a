import { existsSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { BackendError } from '../../kernel/errors.ts'
import { networkFileSystem } from './network-file-system.ts'
import { migrations, schemaVersion } from './schema.ts'

/**
 * - `'process'`: an acknowledged job survives the death of every process; a loss of power may take back the last moments, whole transactions at a time.
 * - `'disk'`: it survives a loss of power as well; each transaction waits for the disk.
 */
export type Durability = 'process' | 'disk'

/**
 * A write-ahead log as long as this is carried over to the file by whoever commits next. Short enough that this takes
 * milliseconds: it happens on the thread that commits.
 */
const walPages = 1_000
/** After a burst the log is cut back to this. */
const walBytesKept = 32 * 2 ** 20
const cacheKibibytes = 16 * 1_024

/**
 * Opens the file, and makes or updates Treadle's tables in it. Synchronous; never waits for a lock.
 *
 * @throws BackendError where it is no place for a database, or a newer Treadle made its tables; SQLite's own error where it is locked
 */
export function openFile(path: string, durability: Durability): DatabaseSync {
  checkPlace(path)
  const db = new DatabaseSync(path, { timeout: 0 })
  try {
    checkVersion(path, versionOf(db))
    if (db.prepare('PRAGMA journal_mode = WAL').get()?.['journal_mode'] !== 'wal') {
      throw new BackendError(`${path} is on a file system without write-ahead logging. Use a local disk.`)
    }
    db.exec(`
      PRAGMA synchronous = ${durability === 'disk' ? 'FULL' : 'NORMAL'};
      PRAGMA wal_autocheckpoint = ${walPages};
      PRAGMA journal_size_limit = ${walBytesKept};
      PRAGMA cache_size = -${cacheKibibytes};
      PRAGMA temp_store = MEMORY;
    `)
    if (versionOf(db) < schemaVersion) migrate(path, db)
    return db
  } catch (error) {
    db.close()
    throw error
  }
}

/**
 * Another connection to a file that is open, for transactions of one statement. Never waits for a lock, nor, save where it is the first to write to a log that was carried over
 * (`LogRestart`), for the disk: the log is carried over by those who have it open with `openFile`. What it commits survives as with `durability: 'process'`.
 */
export function openBeside(path: string): DatabaseSync {
  const db = new DatabaseSync(path, { timeout: 0 })
  db.exec('PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 0')
  return db
}

/** Which file a path leads to: another one has another. */
export interface FileIdentity {
  readonly dev: number
  readonly ino: number
}

/** Undefined where there is no file. */
export function identityOf(path: string): FileIdentity | undefined {
  return statSync(path, { throwIfNoEntry: false })
}

/**
 * SQLite goes on with an open file that no longer has its name, and what it commits is lost with the last process that has it open.
 *
 * @param opened as the file was when it was opened
 * @throws BackendError where the path leads to no file any more, or to another
 */
export function checkIdentity(path: string, opened: FileIdentity | undefined): void {
  const now = identityOf(path)
  if (now && now.ino === opened?.ino && now.dev === opened.dev) return
  throw new BackendError(`${path} was ${now ? 'replaced by another file' : 'deleted'} while it was open: what is written now would be lost. Start again what uses it; jobs that only the former file held are gone.`)
}

function checkPlace(path: string): void {
  if (path === '' || path === ':memory:') throw new BackendError("SQLite needs a file: write sqlite:app.db. For jobs in memory alone, write 'memory:'.")
  const folder = dirname(path)
  if (!existsSync(folder)) throw new BackendError(`${path}: its folder ${folder} does not exist. Make it, or name another file.`)
  const network = networkFileSystem(existsSync(path) ? path : folder)
  if (network) {
    throw new BackendError(`${path} is on a network file system (${network}), where SQLite's locks and shared memory do not hold between machines, and jobs would be lost. Put it on a local disk; for several machines use a server.`)
  }
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) throw new BackendError(`${path} is a folder. Name a file in it.`)
}

function versionOf(db: DatabaseSync): number {
  const made = db.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'treadle_meta'").get()
  return made ? Number(db.prepare("SELECT value FROM treadle_meta WHERE key = 'version'").get()?.['value'] ?? 0) : 0
}

function checkVersion(path: string, version: number): void {
  if (version > schemaVersion) {
    throw new BackendError(`${path} was made by a newer Treadle: its tables are of version ${version}, and this Treadle knows ${schemaVersion}. Update Treadle; the file was left as it is.`)
  }
}

function migrate(path: string, db: DatabaseSync): void {
  db.exec('BEGIN IMMEDIATE')
  try {
    // Another process may have been here first.
    const version = versionOf(db)
    checkVersion(path, version)
    db.exec('CREATE TABLE IF NOT EXISTS treadle_meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID')
    for (const step of migrations.slice(version)) db.exec(step)
    db.prepare("INSERT OR REPLACE INTO treadle_meta (key, value) VALUES ('version', ?)").run(schemaVersion)
    db.exec('COMMIT')
  } catch (error) {
    if (db.isTransaction) db.exec('ROLLBACK')
    throw error
  }
}
