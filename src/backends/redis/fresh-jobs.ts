/** So many are remembered, up to twice as many at times. */
const most = 5_000

/**
 * The latest jobs that a handle has published since it hears of all that ends, and has not heard the end of: whoever waits for one of them need not look first whether
 * it has ended.
 */
export class FreshJobs {
  #latest = new Set<string>()
  #earlier = new Set<string>()
  #hears = false

  /** From now on all of it is heard; what ended before may have been missed. */
  begin(): void {
    this.#hears = true
    this.#latest.clear()
    this.#earlier.clear()
  }

  /** Before they are published: another connection may tell of an end before this one tells of the birth. */
  add(job: string): void {
    if (!this.#hears) return
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
}
