/** Where a call stood when it began; what it has used is the distance from there. */
export type CpuMark = number

/**
 * Processor time of this thread, shared equally among the calls that are under way.
 *
 * Reading the thread's time costs more than a short call does. So it is read once a millisecond at most: meanwhile the thread counts as
 * busy, and with the next reading what was guessed too much or too little is made good, to the calls that are under way then.
 *
 * Between two events (a call begins or ends) each of n calls is given 1/n of what was used. The sum of those shares since
 * the start is kept as one number, so that an event costs the same for one call as for a thousand, and the calls' times
 * add up to the thread's.
 */
export class CpuShare {
  #active = 0
  #used: number
  #share = 0
  /** When the thread's time was read last, and up to when it is accounted for since. */
  #readAt: number
  #at: number
  #guessed = 0
  readonly #read: () => number
  readonly #elapsed: () => number
  readonly #exactEvery: number

  /**
   * @param elapsed the time, in milliseconds
   * @param read the processor time used so far, in milliseconds
   * @param exactEvery how old a reading may be, in milliseconds
   */
  constructor(elapsed: () => number, read: () => number = threadCpu, exactEvery = 1) {
    this.#elapsed = elapsed
    this.#read = read
    this.#exactEvery = exactEvery
    this.#used = read()
    this.#readAt = this.#at = elapsed()
  }

  /** @param now the time, where the caller has it */
  begin(now: number = this.#elapsed()): CpuMark {
    this.#settle(now)
    this.#active++
    return this.#share
  }

  /** Milliseconds of processor time that the call used. */
  end(mark: CpuMark, now: number = this.#elapsed()): number {
    this.#settle(now)
    this.#active--
    return Math.max(0, this.#share - mark)
  }

  #settle(now: number): void {
    let used = now - this.#at
    this.#at = now
    if (now - this.#readAt < this.#exactEvery) this.#guessed += used
    else {
      const read = this.#read()
      used = read - this.#used - this.#guessed
      this.#used = read
      this.#readAt = now
      this.#guessed = 0
    }
    if (this.#active > 0) this.#share += used / this.#active
  }
}

function threadCpu(): number {
  const { user, system } = process.threadCpuUsage()
  return (user + system) / 1_000
}
