import type { DatabaseSync } from 'node:sqlite'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { NewJob } from '../../jobs/job.ts'
import { systemClock } from '../../kernel/clock.ts'
import type { Taken } from '../broker.ts'
import { type FileIdentity, checkIdentity, openBeside } from './file.ts'
import { Inbox, fitsInbox } from './inbox.ts'
import { LoopTurn } from './loop-turn.ts'

/** Milliseconds of one turn of the loop. */
const longestTurn = 1

/**
 * The inbox of a file that a thread has open, from this thread: to write one small job there takes the loop less time than to ask the thread. Never waits for a lock, and
 * as good as never for the disk: what more is to be done, such as emptying it, or carrying the log over and beginning it anew (`log-restart.ts`), is left to the thread.
 */
export class OwnInbox {
  readonly #path: string
  readonly #identity: FileIdentity | undefined
  readonly #turn = new LoopTurn(systemClock, longestTurn)
  #db: DatabaseSync | undefined
  #inbox: Inbox | undefined

  /** @param identity of the file that the thread has open */
  constructor(path: string, identity: FileIdentity | undefined) {
    this.#path = path
    this.#identity = identity
  }

  /** @returns what `Broker.publish` does, once the loop had its turn; undefined where the job is not kept, or nobody knows: then the thread is to be asked */
  publish(job: NewJob): Promise<readonly Taken[]> | undefined {
    if (!fitsInbox(job)) return undefined
    try {
      checkIdentity(this.#path, this.#identity)
      if (!this.#open().keeps(job)) return undefined
    } catch {
      // It is locked, which the thread waits for, or worse, which the thread tells of.
      return undefined
    }
    return this.#turn.hasTime() ? kept : nextTurn([])
  }

  close(): void {
    this.#db?.close()
    this.#db = this.#inbox = undefined
  }

  #open(): Inbox {
    this.#db ??= openBeside(this.#path)
    return this.#inbox ??= new Inbox(this.#db)
  }
}

const kept: Promise<readonly Taken[]> = Promise.resolve([])
