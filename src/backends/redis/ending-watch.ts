import type { Ending, Watch } from '../store.ts'

interface EndingWatchParts {
  /** How they ended, of those that have. */
  readonly look: (jobs: readonly string[]) => Promise<readonly Ending[]>
  readonly ended: (endings: readonly Ending[]) => void
  readonly failed: (error: unknown) => void
  readonly disposed: () => void
}

/** So many jobs are looked up at once. */
const mostAtOnce = 1_000

/** Waits for the ends of jobs: each is looked up when it is added, and when it was told that it ended; all of them after the line was broken. */
export class EndingWatch implements Watch {
  readonly #parts: EndingWatchParts
  readonly #jobs = new Set<string>()
  readonly #told = new Set<string>()
  #looking = false

  constructor(parts: EndingWatchParts) {
    this.#parts = parts
  }

  add(job: string): void {
    this.#jobs.add(job)
    this.tell([job])
  }

  delete(job: string): void {
    this.#jobs.delete(job)
  }

  [Symbol.dispose](): void {
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

  tellAll(): void {
    this.tell(this.#jobs)
  }

  async #look(): Promise<void> {
    try {
      while (this.#told.size > 0) {
        const jobs = [...this.#told].slice(0, mostAtOnce)
        for (const job of jobs) this.#told.delete(job)
        const endings = (await this.#parts.look(jobs)).filter(({ job }) => this.#jobs.delete(job))
        if (endings.length > 0) this.#parts.ended(endings)
      }
    } catch (error) {
      this.#parts.failed(error)
    } finally {
      this.#looking = false
    }
  }
}
