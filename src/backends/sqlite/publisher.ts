import { rankOf } from '../../jobs/gates.ts'
import { type NewJob, born } from '../../jobs/job.ts'
import type { Parent } from '../../jobs/link.ts'
import { enqueued } from '../../jobs/queue-event.ts'
import { type UniqueRule, admissionOf, amended, hasNotBegun } from '../../jobs/unique.ts'
import type { Taken } from '../broker.ts'
import { lineCodes, stateCodes } from './codes.ts'
import type { JobBatch } from './job-batch.ts'
import { type JobTables, mayExpire } from './job-tables.ts'
import type { MessageTables } from './message-tables.ts'
import { linksBytes, tagsText } from './rows.ts'
import type { Statements } from './statements.ts'

/** Writes new jobs. */
export class Publisher {
  readonly #sql: Statements
  readonly #tables: JobTables
  readonly #messages: MessageTables

  constructor(sql: Statements, tables: JobTables, messages: MessageTables) {
    this.#sql = sql
    this.#tables = tables
    this.#messages = messages
  }

  /** @returns why it was not kept as it came, where its unique key is taken */
  one(newJob: NewJob, now: number, parent?: Parent): Taken | undefined {
    const { id, task, queue, place, priority, tags, unique, links } = newJob
    if (unique) {
      if (this.#sql.byId.get(id)) return undefined
      const taken = this.#admit(newJob, unique, now)
      if (taken) return taken
    }
    const job = born(newJob, now)
    const { state, dueAt, expiresAt } = job
    const { changes, lastInsertRowid } = this.#sql.insertJob.run(
      id, task, queue, lineCodes[place], priority, now, dueAt, expiresAt === Infinity ? null : expiresAt, tagsText(tags), newJob.payload, linksBytes(links)
    )
    if (changes === 0) return undefined
    const seq = Number(lastInsertRowid)
    this.#tables.gates.published(seq, job)
    if (state === 'ready') this.#sql.insertReady.run(queue, lineCodes[place], this.#tables.gates.rank(seq, job), seq, 0, 0)
    else this.#sql.insertScheduled.run(dueAt, seq, 0, 0)
    if (mayExpire(job)) this.#sql.insertExpiring.run(expiresAt, seq)
    if (parent) this.#sql.insertParent.run(seq, parent.job, parent.token, stateCodes[parent.state], parent.outcome)
    this.#tables.count(queue, state, 1)
    this.#tables.tell(queue)
    this.#messages.tell(() => enqueued(newJob, now))
    return undefined
  }

  /** As `one` for each of them, where their queue has neither gates nor keys. Those that are new come after all that were there. */
  batch({ shared, payloads, parts }: JobBatch, now: number): void {
    const { task, queue, place, priority, tags, state, dueAt, expiresAt } = born({ ...shared, id: '', payload: payloads }, now)
    const last = Number(this.#sql.lastSeq.get()?.[0] ?? 0)
    const expires = expiresAt === Infinity ? null : expiresAt
    const { changes } = this.#sql.insertJobs.run(parts, task, queue, lineCodes[place], priority, now, dueAt, expires, tagsText(tags), payloads)
    if (changes === 0) return
    if (state === 'ready') this.#sql.readyAfter.run(queue, lineCodes[place], rankOf({ priority }, 0), last)
    else this.#sql.scheduledAfter.run(dueAt, last)
    if (expires !== null) this.#sql.expiringAfter.run(expires, last)
    this.#tables.count(queue, state, Number(changes))
    this.#tables.tell(queue)
    if (this.#messages.isHeard) for (const [id] of this.#sql.idsAfter.all(last) as [string][]) this.#messages.tell(() => enqueued({ id, task, queue }, now))
  }

  /**
   * Each transaction that writes begins with it: so it is known whether somebody hears what happens, and what came into the inbox is where it belongs.
   *
   * @returns the time, as SQLite reads the system's
   */
  begin(): number {
    const [seconds, heard, inInbox] = this.#sql.now.get() as [number, number, number]
    this.#messages.begin(heard === 1)
    if (inInbox === 1) this.#emptyInbox()
    return Math.round(1_000 * seconds)
  }

  /** Those in the inbox are ready. Since it is emptied first of all, nothing of what makes a job unusual has come since: no gate of its queue, and nobody who hears. */
  #emptyInbox(): void {
    const { lastSeq, queuesInInbox, jobsFromInbox, queuesAfter, readyFromInbox, emptyInbox } = this.#sql
    const last = Number(lastSeq.get()?.[0] ?? 0)
    const queues = queuesInInbox.all() as [string][]
    const { changes } = jobsFromInbox.run()
    readyFromInbox.run(last)
    emptyInbox.run()
    for (const [queue] of queues) this.#tables.noteFromInbox(queue)
    // Fewer where one of them was there already.
    for (const [queue] of changes === queues.length ? queues : queuesAfter.all(last) as [string][]) this.#tables.count(queue, 'ready', 1)
  }

  #admit(job: NewJob, rule: UniqueRule, now: number): Taken | undefined {
    const [id, until] = (this.#sql.hold.get(job.queue, rule.key) ?? []) as [string?, number?]
    const holder = id === undefined ? undefined : this.#tables.byId(id)
    const admission = admissionOf(rule, id === undefined ? undefined : { job: id, until: until! }, holder?.job, now)
    if (admission === 'created' || admission === 'replaced') this.#sql.writeHold.run(job.queue, rule.key, admission === 'created' ? job.id : id!, now + rule.window)
    if (admission === 'created') return undefined
    if (admission !== 'rejected' && holder && hasNotBegun(holder.job)) {
      this.#tables.amend(holder, amended(holder.job, job, admission, now), admission === 'replaced' ? job : undefined)
      this.#tables.tell(job.queue)
    }
    return { job: job.id, admission, holder: id! }
  }
}
