import type { AttemptRef, Broker, Report } from '../backends/broker.ts'
import { type JobLogLine, logLimit } from '../jobs/history.ts'
import type { Clock, Timer } from '../kernel/clock.ts'
import type { LogLine, Logger } from '../kernel/logger.ts'
import type { Progress } from '../tasks/progress.ts'

/** How long what attempts say waits for more, in milliseconds: people watch it, and each time is a transaction. */
const patience = 200

/** A line's fields take no more than this many characters, a message no more either. */
const longestText = 10_000

/**
 * Gathers what attempts under way say of themselves, and gives it to the broker a few times a second.
 *
 * What an attempt said last must reach the broker before its outcome: afterwards it would be refused as late.
 */
export class Reports {
  readonly #broker: Broker
  readonly #clock: Clock
  readonly #log: Logger
  readonly #waiting = new Map<string, { readonly token: number, progress?: Progress, readonly logs: JobLogLine[] }>()
  /** Jobs of which the broker is just being told. */
  readonly #told = new Set<string>()
  #telling: Promise<void> = Promise.resolve()
  #timer: Timer | undefined

  constructor(broker: Broker, clock: Clock, log: Logger) {
    this.#broker = broker
    this.#clock = clock
    this.#log = log
  }

  progress(attempt: AttemptRef, progress: Progress): void {
    this.#of(attempt).progress = progress
  }

  line(attempt: AttemptRef & { readonly attempt: number }, { level, at, message, fields }: LogLine): void {
    const { logs } = this.#of(attempt)
    logs.push({ at, level, attempt: attempt.attempt, token: attempt.token, message: message.slice(0, longestText), fields: textOf(fields) })
    if (logs.length > logLimit) logs.shift()
  }

  /** Whether an attempt at this job has said something that the broker may not have heard. */
  has(job: string): boolean {
    return this.#waiting.has(job) || this.#told.has(job)
  }

  /** Until the broker has heard all that was said. Never rejects: nobody's outcome waits for a report that cannot be made. */
  flush(): Promise<void> {
    this.#timer?.[Symbol.dispose]()
    this.#timer = undefined
    return this.#telling = this.#telling.then(() => this.#tell())
  }

  async #tell(): Promise<void> {
    if (this.#waiting.size === 0) return
    const reports = Array.from(this.#waiting, ([job, { token, progress, logs }]): Report => ({ job, token, logs, ...(progress ? { progress } : {}) }))
    this.#waiting.clear()
    for (const { job } of reports) this.#told.add(job)
    try {
      await this.#broker.report(reports)
    } catch (error) {
      this.#log.warn({ err: error, jobs: reports.map(({ job }) => job) }, 'what attempts said of themselves could not be kept')
    } finally {
      this.#told.clear()
    }
  }

  #of({ job, token }: AttemptRef): { progress?: Progress, readonly logs: JobLogLine[] } {
    let own = this.#waiting.get(job)
    if (own?.token !== token) this.#waiting.set(job, own = { token, logs: [] })
    this.#timer ??= this.#clock.after(patience, () => void this.flush(), { background: true })
    return own
  }
}

function textOf(fields: LogLine['fields']): string {
  try {
    const text = JSON.stringify(fields, (_key, value: unknown) => typeof value === 'bigint' ? String(value) : value instanceof Error ? { name: value.name, message: value.message } : value)
    return text.length > longestText ? JSON.stringify({ cut: text.slice(0, longestText) }) : text
  } catch (error) {
    return JSON.stringify({ unreadable: String(error) })
  }
}
