import type { DatabaseSync, StatementSync } from 'node:sqlite'

/** The first SQLite that tells how far the log is carried over without carrying it: an earlier one would. */
const firstToTell = 3_051_000

/**
 * Once all of the write-ahead log has been carried over to the file, whoever writes next begins it anew, and waits for the disk before it does. That is to be whoever carried it over,
 * not a client's loop (`own-inbox.ts`): so it writes a little of its own, at once. Where another came between, or a reader was in the way, it is another after all; and where SQLite is
 * older it may always be.
 */
export class LogRestart {
  readonly #progress: StatementSync | undefined
  readonly #write: StatementSync

  constructor(db: DatabaseSync) {
    this.#progress = versionOf(db) < firstToTell ? undefined : db.prepare('PRAGMA wal_checkpoint(NOOP)')
    this.#progress?.setReturnArrays(true)
    // What changes nothing, SQLite does not write.
    this.#write = db.prepare("INSERT INTO treadle_meta (key, value) VALUES ('log_restarts', 1) ON CONFLICT (key) DO UPDATE SET value = value + 1")
  }

  /** After a transaction, which may have carried it over. */
  restartIfDone(): void {
    if (!this.#progress) return
    try {
      const [, frames, carried] = this.#progress.get() as unknown as [busy: number, frames: number, carried: number]
      if (frames === carried) this.#write.run()
    } catch {
      // Somebody else is writing, and begins it; or worse, which the next transaction finds.
    }
  }
}

/** As a number: 3.51.2 is 3,051,002. */
function versionOf(db: DatabaseSync): number {
  const [major = 0, minor = 0, patch = 0] = String(db.prepare('SELECT sqlite_version() AS version').get()!['version']).split('.').map(Number)
  return 1_000_000 * major + 1_000 * minor + patch
}
