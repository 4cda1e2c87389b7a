import { BackendError, TreadleError } from '../../kernel/errors.ts'

/** SQLite's primary result codes, of which an extended one is the lower byte: https://sqlite.org/rescode.html */
const codes = { busy: 5, locked: 6, readOnly: 8, ioFailed: 10, corrupt: 11, full: 13, cannotOpen: 14, notADatabase: 26 } as const

/** Somebody else holds the lock: trying again helps. */
export function isBusy(error: unknown): boolean {
  const code = resultCode(error)
  return code === codes.busy || code === codes.locked
}

/** What a failure of SQLite means for the user; any other error as it is. */
export function backendError(error: unknown, path: string): unknown {
  const code = resultCode(error)
  if (code === undefined || error instanceof TreadleError) return error
  return new BackendError(`${path}: ${advice(code, error as Error)}`, { cause: error })
}

export function lockedTooLong(path: string, ms: number): BackendError {
  return new BackendError(`${path} has been locked by another process for ${Math.round(ms)} ms. Find what holds a transaction open on it (an editor, a backup, a long write), or raise busyTimeout.`)
}

function advice(code: number, error: Error): string {
  switch (code) {
    case codes.readOnly: return 'the file or its folder may not be written. Make both writable for this user.'
    case codes.cannotOpen: return 'the file cannot be opened. See that it is a file, that its folder exists, and that this user may read and write both.'
    case codes.notADatabase: return 'this is not a SQLite database, and was left as it is. Name another file.'
    case codes.corrupt: return `the database is damaged (${error.message}). Restore it from a copy, or rescue what can be read with "sqlite3 FILE .recover".`
    case codes.full: return 'the disk is full. Nothing of this call was kept; make room and repeat it.'
    case codes.ioFailed: return `the disk or file system failed (${error.message}).`
    default: return error.message
  }
}

function resultCode(error: unknown): number | undefined {
  const { code, errcode } = (error ?? {}) as { code?: unknown, errcode?: unknown }
  return code === 'ERR_SQLITE_ERROR' && typeof errcode === 'number' ? errcode & 0xff : undefined
}
