import type { Ending, Watch } from '../store.ts'

/** Who waits for the ends of which jobs. */
export class EndingWatches {
  readonly #watches = new Set<EndingWatch>()

  /** @param look how a job ended, or undefined while it has not */
  watch(look: (job: string) => Ending | undefined, ended: (endings: readonly Ending[]) => void): Watch {
    const watch = new EndingWatch(look, ended, () => this.#watches.delete(watch))
    this.#watches.add(watch)
    return watch
  }

  /** These jobs may have ended. */
  tell(jobs: Iterable<string>): void {
    for (const job of jobs) for (const watch of this.#watches) watch.tell(job)
  }

  clear(): void {
    for (const watch of this.#watches) watch[Symbol.dispose]()
  }
}

class EndingWatch implements Watch {
  readonly #jobs = new Set<string>()
  readonly #told = new Set<string>()
  readonly #look: (job: string) => Ending | undefined
  readonly #ended: (endings: readonly Ending[]) => void
  readonly #dispose: () => void

  constructor(look: (job: string) => Ending | undefined, ended: (endings: readonly Ending[]) => void, dispose: () => void) {
    this.#look = look
    this.#ended = ended
    this.#dispose = dispose
  }

  add(job: string): void {
    this.#jobs.add(job)
    this.tell(job)
  }

  delete(job: string): void {
    this.#jobs.delete(job)
  }

  tell(job: string): void {
    if (!this.#jobs.has(job)) return
    if (this.#told.size === 0) queueMicrotask(() => this.#flush())
    this.#told.add(job)
  }

  [Symbol.dispose](): void {
    this.#jobs.clear()
    this.#dispose()
  }

  #flush(): void {
    const endings: Ending[] = []
    for (const job of this.#told) {
      const ending = this.#jobs.has(job) ? this.#look(job) : undefined
      if (!ending) continue
      this.#jobs.delete(job)
      endings.push(ending)
    }
    this.#told.clear()
    if (endings.length > 0) this.#ended(endings)
  }
}
