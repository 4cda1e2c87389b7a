/** So many are remembered, up to twice as many at times. */
const most = 5_000

/**
 * The latest jobs that a handle has published while it heard of all that ends, and has not heard the end of: whoever waits for one of them need not look first whether
 * it has ended.
 */
export class FreshJobs {
  #latest = new Set<string>()
  #earlier = new Set<string>()

  /** Before it is published: another connection may tell of the end before this one tells of the birth. */
  add(job: string): void {
    if (this.#latest.size === most) [this.#earlier, this.#latest] = [this.#latest, new Set()]
    this.#latest.add(job)
  }

  delete(job: string): void {
    this.#latest.delete(job)
    this.#earlier.delete(job)
  }

  has(job: string): boolean {
    return this.#latest.has(job) || this.#earlier.has(job)
  }

  /** Ends may have been missed. */
  clear(): void {
    this.#latest.clear()
    this.#earlier.clear()
  }
}
