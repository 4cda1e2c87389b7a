interface Numbered {
  readonly seq: number
}

/** So many numbers may lie between the first in the ring and the last. */
const mostPlaces = 4_096

/**
 * What a host was given and has not answered, by number. Numbers rise, and what is given first is mostly answered first: so a ring of places
 * is enough, and costs a fraction of a map. What stays for long goes to one.
 */
export class InFlight<Call extends Numbered> {
  /** A power of two of them; a call's place is its number modulo that. */
  #places: (Call | undefined)[] = places(16)
  /** The numbers in the ring are from here on, and below `end`. */
  #first = 1
  #end = 1
  #size = 0
  readonly #old = new Map<number, Call>()

  get size(): number {
    return this.#size
  }

  /** @param call with a number above all before */
  add(call: Call): void {
    const { seq } = call
    for (;;) {
      if (this.#first === this.#end) this.#first = seq
      if (seq - this.#first < this.#places.length) break
      if (this.#places.length < mostPlaces) this.#grow()
      else this.#retire()
    }
    this.#places[seq & (this.#places.length - 1)] = call
    this.#end = seq + 1
    this.#size++
  }

  get(seq: number): Call | undefined {
    if (seq >= this.#first) return seq < this.#end ? this.#places[seq & (this.#places.length - 1)] : undefined
    return this.#old.size === 0 ? undefined : this.#old.get(seq)
  }

  has(seq: number): boolean {
    return this.get(seq) !== undefined
  }

  delete(seq: number): void {
    if (!this.has(seq)) return
    this.#size--
    if (this.#old.delete(seq)) return
    this.#places[seq & (this.#places.length - 1)] = undefined
    if (seq === this.#first) this.#toNext()
  }

  /** The one with the lowest number. */
  get head(): Call | undefined {
    if (this.#old.size === 0) return this.get(this.#first)
    const [oldest] = this.#old.values()
    return oldest
  }

  /** In the order of their numbers. */
  *[Symbol.iterator](): IterableIterator<Call> {
    yield* this.#old.values()
    const end = this.#end
    for (let seq = this.#first; seq < end; seq++) {
      const call = this.#places[seq & (this.#places.length - 1)]
      if (call?.seq === seq) yield call
    }
  }

  #toNext(): void {
    do this.#first++
    while (this.#first < this.#end && !this.#places[this.#first & (this.#places.length - 1)])
  }

  #retire(): void {
    const at = this.#first & (this.#places.length - 1)
    const call = this.#places[at]!
    this.#old.set(call.seq, call)
    this.#places[at] = undefined
    this.#toNext()
  }

  #grow(): void {
    const calls = [...this]
    this.#places = places(this.#places.length * 2)
    for (const call of calls) if (call.seq >= this.#first) this.#places[call.seq & (this.#places.length - 1)] = call
  }
}

function places(count: number): undefined[] {
  return Array.from({ length: count }, () => undefined)
}
