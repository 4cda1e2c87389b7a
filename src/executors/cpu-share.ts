/** Where a call stood when it began; what it has used is the distance from there. */
export type CpuMark = number

/**
 * Processor time of this thread, shared equally among the calls that are under way.
 *
 * Between two events (a call begins or ends) each of n calls is given 1/n of what was used. The sum of those shares since
 * the start is kept as one number, so that an event costs the same for one call as for a thousand, and the calls' times
 * add up to the thread's.
 */
export class CpuShare {
  #active = 0
  #used: number
  #share = 0
  readonly #read: () => number

  /** @param read the processor time used so far, in milliseconds */
  constructor(read: () => number = threadCpu) {
    this.#read = read
    this.#used = read()
  }

  begin(): CpuMark {
    this.#settle()
    this.#active++
    return this.#share
  }

  /** Milliseconds of processor time that the call used. */
  end(mark: CpuMark): number {
    this.#settle()
    this.#active--
    return this.#share - mark
  }

  #settle(): void {
    const used = this.#read()
    if (this.#active > 0) this.#share += (used - this.#used) / this.#active
    this.#used = used
  }
}

function threadCpu(): number {
  const { user, system } = process.threadCpuUsage()
  return (user + system) / 1_000
}
