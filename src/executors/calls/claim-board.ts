// Cells of the shared memory.
const begun = 0
const takenBackThrough = 1
const inFirstPart = 2
const beats = 3
const cellCount = 4

/**
 * What a thread and its host know of each other without a message, also when the thread is stuck or dead.
 *
 * Calls are numbered per thread, from 1, rising, and begin in that order. The thread claims each before it begins it; the
 * host may take back all that are not claimed. Both do it by compare-and-set on one cell, so for each call exactly one wins.
 *
 * Invariant: cell `begun` holds n >= 0, the last call begun, or -n-1 while a take-back stands that the thread has not seen.
 */
export class ClaimBoard {
  readonly memory: SharedArrayBuffer
  readonly #cells: Int32Array
  /** Thread: the last call that it claimed. */
  #claimed = 0
  /** Thread: the last call of the take-back that it saw last. */
  #passedOver = 0
  /** Host: the last call that it took back. */
  #takenBack = 0

  constructor(memory: SharedArrayBuffer = new SharedArrayBuffer(cellCount * 4)) {
    this.memory = memory
    this.#cells = new Int32Array(memory)
  }

  /** The thread: whether it may begin the call. False where the host took it back. */
  claim(seq: number): boolean {
    while (seq > this.#passedOver) {
      if (Atomics.compareExchange(this.#cells, begun, this.#claimed, seq) === this.#claimed) {
        this.#claimed = seq
        return true
      }
      this.#passedOver = Atomics.load(this.#cells, takenBackThrough)
      Atomics.store(this.#cells, begun, this.#claimed)
    }
    return false
  }

  /**
   * The host: takes back every call up to `lastSent` that has not begun. `lastSent` must be on its way to the thread, which
   * ends the take-back when it comes to one of those calls.
   *
   * @returns the last call that has begun, or undefined while an earlier take-back stands
   */
  takeBack(lastSent: number): number | undefined {
    for (;;) {
      const seen = Atomics.load(this.#cells, begun)
      if (seen < 0) return undefined
      if (seen >= lastSent || lastSent === this.#takenBack) return seen
      Atomics.store(this.#cells, takenBackThrough, lastSent)
      if (Atomics.compareExchange(this.#cells, begun, seen, -seen - 1) === seen) {
        this.#takenBack = lastSent
        return seen
      }
    }
  }

  /** The host: whether the thread has yet to see a take-back. What were sent meanwhile could not be taken back. */
  get takingBack(): boolean {
    return Atomics.load(this.#cells, begun) < 0
  }

  /** The last call that has begun. */
  get lastBegun(): number {
    const value = Atomics.load(this.#cells, begun)
    return value < 0 ? -value - 1 : value
  }

  /** The call whose synchronous first part, or whose module, is being run; 0 for none. */
  get firstPart(): number {
    return Atomics.load(this.#cells, inFirstPart)
  }

  set firstPart(seq: number) {
    Atomics.store(this.#cells, inFirstPart, seq)
  }

  /** The thread: its event loop turns. */
  beat(): void {
    Atomics.add(this.#cells, beats, 1)
  }

  get beats(): number {
    return Atomics.load(this.#cells, beats)
  }
}
