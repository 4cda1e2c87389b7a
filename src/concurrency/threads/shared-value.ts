import { InvalidOptionError } from '../../kernel/errors.ts'

/**
 * A number that threads share: in memory that all see, each change one instruction, so whoever is killed leaves it whole. As
 * `multiprocessing.Value`, without its lock. Send its `memory` to a thread, and make another of it there.
 *
 * @example
 * const hits = new SharedValue()
 * hits.add(2)                                  // 0: what it was before
 * const there = new SharedValue(hits.memory)   // in another thread
 * there.value                                  // 2
 */
export class SharedValue {
  readonly memory: SharedArrayBuffer
  readonly #bits: BigInt64Array

  /** @param from its first value, or the memory of one that is there. Default: 0. @throws InvalidOptionError */
  constructor(from: number | SharedArrayBuffer = 0) {
    if (typeof from !== 'number' && !(from instanceof SharedArrayBuffer && from.byteLength === 8)) throw new InvalidOptionError('new SharedValue()', from, 'a number, or the memory of another SharedValue')
    this.memory = typeof from === 'number' ? new SharedArrayBuffer(8) : from
    this.#bits = new BigInt64Array(this.memory)
    if (typeof from === 'number') this.value = from
  }

  get value(): number {
    return numberOf(Atomics.load(this.#bits, 0))
  }

  set value(value: number) {
    Atomics.store(this.#bits, 0, bitsOf(checked(value)))
  }

  /** @returns what it was before */
  add(amount: number): number {
    checked(amount)
    return this.update((value) => value + amount)
  }

  /** Makes of it what `fn` says, which may be asked again where another thread came first. @returns what it was before */
  update(fn: (value: number) => number): number {
    for (;;) {
      const before = Atomics.load(this.#bits, 0)
      const after = bitsOf(checked(fn(numberOf(before))))
      if (Atomics.compareExchange(this.#bits, 0, before, after) === before) return numberOf(before)
    }
  }

  /** Sets it where it is `expected` still. @returns what it was before: `expected` where it was set */
  compareExchange(expected: number, value: number): number {
    return numberOf(Atomics.compareExchange(this.#bits, 0, bitsOf(checked(expected)), bitsOf(checked(value))))
  }
}

function checked(value: number): number {
  if (typeof value !== 'number') throw new InvalidOptionError('A SharedValue', value, 'a number')
  return value
}

const number = new Float64Array(1)
const bits = new BigInt64Array(number.buffer)

/** What is equal has the same bits: so -0 is 0, and NaN one NaN. */
function bitsOf(value: number): bigint {
  number[0] = value === 0 ? 0 : value
  return bits[0]!
}

function numberOf(value: bigint): number {
  bits[0] = value
  return number[0]!
}
