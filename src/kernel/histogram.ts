/** A summary of what was recorded. All zero where nothing was. */
export interface Distribution {
  readonly count: number
  readonly mean: number
  readonly p50: number
  readonly p90: number
  readonly p99: number
  readonly max: number
}

// A class of values is told by the first bits of a double: its exponent, and four bits behind it. So each is a sixteenth of its octave wide.
const shift = 16
const bits = new Float64Array(1)
const words = new Uint32Array(bits.buffer)
const high = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1 ? 1 : 0

/** The classes of the smallest and the largest values that are told apart: about a nanosecond, and 50 days, in milliseconds. */
const first = classOf(2 ** -20)
const last = classOf(2 ** 32)

/**
 * Counts values above 0, in constant memory: of each it is known to a sixteenth how large it was.
 *
 * The layout is that of HdrHistogram (Gil Tene), with classes taken from the bits of the number.
 *
 * @example
 * const times = new Histogram()
 * for (const ms of [1, 2, 3, 100]) times.record(ms)
 * times.distribution.max   // 100
 */
export class Histogram {
  readonly #counts = new Uint32Array(last - first + 1)
  #count = 0
  #sum = 0
  #max = 0

  record(value: number): void {
    this.#count++
    this.#sum += value
    if (value > this.#max) this.#max = value
    const at = classOf(value) - first
    this.#counts[at < 0 ? 0 : at > last - first ? last - first : at]!++
  }

  get distribution(): Distribution {
    const [p50, p90, p99] = this.#quantiles([0.5, 0.9, 0.99]) as [number, number, number]
    return { count: this.#count, mean: this.#count === 0 ? 0 : this.#sum / this.#count, p50, p90, p99, max: this.#max }
  }

  /** @param shares rising */
  #quantiles(shares: readonly number[]): number[] {
    let seen = 0
    let at = -1
    return shares.map((share) => {
      while (seen < share * this.#count) seen += this.#counts[++at]!
      return at < 0 ? 0 : Math.min(upper(first + at), this.#max)
    })
  }
}

function classOf(value: number): number {
  bits[0] = value
  return words[high]! >>> shift
}

/** No value of the class is larger. */
function upper(own: number): number {
  words[high] = (own + 1) << shift
  words[1 - high] = 0
  return bits[0]!
}
