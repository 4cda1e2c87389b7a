import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { type Job, type NewJob, born } from '../../jobs/job.ts'
import type { Place } from '../../tasks/task.ts'
import { isRare } from '../alike-jobs.ts'
import { eventsTopic } from '../bus.ts'
import { lineCodes, lineNames } from './codes.ts'
import { tagsOf, tagsText } from './rows.ts'
import type { Statements } from './statements.ts'

/** What is larger is written once, where it belongs. In bytes. */
const largest = 8_192

/** Whether a job is small, and as most are: ready at once, for ever, on nobody's behalf. */
export function fitsInbox(job: NewJob): boolean {
  return job.delay === 0 && job.expires === Infinity && !isRare(job) && job.payload instanceof Uint8Array && job.payload.length <= largest
}

/** Where small jobs that come one by one are kept, in one statement that is a transaction and touches one table; see `schema.ts`. */
export class Inbox {
  readonly #keep: StatementSync

  constructor(db: DatabaseSync) {
    // The time is read once the file is locked, as in every transaction. What the table refuses, since it is full, is passed over.
    this.#keep = db.prepare(`INSERT OR IGNORE INTO treadle_inbox (id, task, queue, place, priority, at, tags, payload)
      SELECT ?1, ?2, ?3, ?4, ?5, coalesce(?6, round(1000 * unixepoch('subsec'))), ?7, ?8
      WHERE NOT EXISTS (SELECT 1 FROM treadle_gated WHERE queue = ?3)
        AND NOT EXISTS (SELECT 1 FROM treadle_hearers WHERE topic = '${eventsTopic}')`)
  }

  /**
   * @param job one that fits
   * @param now by the backend's clock, where that is not the system's
   * @returns false where it is not kept: the inbox is full, its queue has gates, or somebody must be told
   */
  keeps({ id, task, queue, place, priority, tags, payload }: NewJob, now?: number): boolean {
    return this.#keep.run(id, task, queue, lineCodes[place], priority, now ?? null, tagsText(tags), payload).changes === 1
  }
}

/** The jobs that are in it, by id, in the order in which they came. */
export function jobsInInbox(sql: Statements): ReadonlyMap<string, { readonly job: Job, readonly payload: Uint8Array }> {
  const jobs = new Map<string, { readonly job: Job, readonly payload: Uint8Array }>()
  for (const [id, task, queue, place, priority, at, tags, payload] of sql.inInbox.all() as unknown as InboxRow[]) {
    if (jobs.has(id)) continue
    const job = born({ id, task, queue, place: lineNames[place] as Place, priority, payload, delay: 0, expires: Infinity, tags: tagsOf(tags) }, at)
    jobs.set(id, { job, payload })
  }
  return jobs
}

type InboxRow = [id: string, task: string, queue: string, place: number, priority: number, at: number, tags: string | null, payload: Uint8Array]
