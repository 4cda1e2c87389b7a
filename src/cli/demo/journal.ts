import { appendFileSync, existsSync, readFileSync } from 'node:fs'
import { createHash } from 'node:crypto'
import { threadId } from 'node:worker_threads'
import { context } from '../../tasks/context.ts'
import { encode } from '../../wire/codec.ts'

/** The environment variable that names the journal's file; without it nothing is noted. */
export const journalVariable = 'TREADLE_DEMO_JOURNAL'

/** What an attempt wrote about itself, outside of the database: a witness that the database cannot talk to. */
export interface JournalLine {
  readonly what: 'started' | 'finished'
  readonly task: string
  readonly job: string
  readonly attempt: number
  /** Of this delivery of the job: no other has the same. */
  readonly token: number
  readonly pid: number
  readonly thread: number
  /** Of a finished attempt: the digest of what it returned. */
  readonly digest?: string
}

/**
 * `fn`, with a line in the journal when a call for a job starts and when it has finished.
 *
 * Each line is one append of few bytes, so that lines of several processes never mix, and what was written survives SIGKILL.
 */
export function journaled<Args extends unknown[], Result>(fn: (...args: Args) => Result): (...args: Args) => Result {
  return (...args) => {
    const file = process.env[journalVariable]
    const { job, task, attempt, token } = context()
    if (file === undefined || job === undefined) return fn(...args)
    const note = (what: JournalLine['what'], digest?: string): void =>
      appendFileSync(file, `${JSON.stringify({ what, task, job, attempt, token, pid: process.pid, thread: threadId, digest })}\n`)
    const finished = <T>(result: T): T => {
      note('finished', digestOf(encode(result)))
      return result
    }
    note('started')
    const result = fn(...args)
    return result instanceof Promise ? result.then(finished) as Result : finished(result)
  }
}

export function readJournal(file: string): JournalLine[] {
  if (!existsSync(file)) return []
  return readFileSync(file, 'utf8').split('\n').filter(Boolean).map((line) => JSON.parse(line) as JournalLine)
}

export function digestOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}
