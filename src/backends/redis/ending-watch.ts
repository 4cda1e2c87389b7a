import { systemClock } from '../../kernel/clock.ts'
import type { Ending, Watch } from '../store.ts'
import { mayPass } from './errors.ts'

interface EndingWatchParts {
  /** Whether it is known to be under way: published, and not ended since. */
  readonly isFresh: (job: string) => boolean
  /** How they ended, of those that have. */
  readonly look: (jobs: readonly string[]) => Promise<readonly Ending[]>
  readonly ended: (endings: readonly Ending[]) => void
  readonly failed: (error: unknown) => void
  readonly disposed: () => void
}

/** So many jobs are looked up at once. */
const mostAtOnce = 1_000

/** Milliseconds before a look that found no server is repeated; it has waited for one itself. */
const pause = 500

/** Waits for the ends of jobs: each is looked up when it is added, unless it is known to be under way, and when it was told that it ended; all of them after the line was broken. */
export class EndingWatch implements Watch {
  readonly #parts: EndingWatchParts
  readonly #jobs = new Set<string>()
  readonly #told = new Set<string>()
  readonly #disposed = new AbortController()
  #looking = false

  constructor(parts: EndingWatchParts) {
    this.#parts = parts
  }

  add(job: string): void {
    this.#jobs.add(job)
    if (!this.#parts.isFresh(job)) this.tell([job])
  }

  delete(job: string): void {
    this.#jobs.delete(job)
  }

  [Symbol.dispose](): void {
    this.#disposed.abort()
    this.#jobs.clear()
    this.#told.clear()
    this.#parts.disposed()
  }

  /** These may have ended. */
  tell(jobs: Iterable<string>): void {
    for (const job of jobs) if (this.#jobs.has(job)) this.#told.add(job)
    if (this.#told.size === 0 || this.#looking) return
    this.#looking = true
    queueMicrotask(() => void this.#look())
  }

  /** This one ended so. */
  found(ending: Ending): void {
    if (this.#jobs.delete(ending.job)) this.#parts.ended([ending])
  }

  tellAll(): void {
    this.tell(this.#jobs)
  }

  async #look(): Promise<void> {
    try {
      while (this.#told.size > 0) {
        const jobs = [...this.#told].slice(0, mostAtOnce)
        for (const job of jobs) this.#told.delete(job)
        const endings = (await this.#found(jobs)).filter(({ job }) => this.#jobs.delete(job))
        if (endings.length > 0) this.#parts.ended(endings)
      }
    } catch (error) {
      if (!this.#disposed.signal.aborted) this.#parts.failed(error)
    } finally {
      this.#looking = false
    }
  }

  /** A server that is away is waited for: whoever waits for a job would otherwise give up at each restart. */
  async #found(jobs: readonly string[]): Promise<readonly Ending[]> {
    const { signal } = this.#disposed
    for (;;) {
      try {
        return await this.#parts.look(jobs)
      } catch (error) {
        if (signal.aborted || !mayPass(error)) throw error
        await systemClock.sleep(pause, signal)
      }
    }
  }
}
