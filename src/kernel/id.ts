import type { Clock } from './clock.ts'

/** Crockford's base 32: no letters that look like digits, and in the order of their codes, so that text order is number order. */
const digits = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'
const longestCounter = 32 ** 4

function base32(value: number, width: number): string {
  let text = ''
  for (let rest = value; text.length < width; rest = Math.floor(rest / 32)) text = digits[rest % 32] + text
  return text
}

/**
 * A maker of ids of 24 characters that sort by time: 10 of milliseconds, 4 of a counter, 10 (50 bits) of the maker's own randomness.
 * Ids of one maker strictly rise, also when the clock goes back.
 *
 * @example
 * const nextId = idMaker(systemClock)
 * nextId() < nextId()   // true
 */
export function idMaker(clock: Pick<Clock, 'now'>): () => string {
  const maker = Array.from(crypto.getRandomValues(new Uint8Array(10)), (byte) => digits[byte % 32]).join('')
  let time = -1
  let timeText = ''
  let counter = 0
  return () => {
    const now = Math.floor(clock.now())
    if (now > time) {
      time = now
      counter = 0
      timeText = base32(time, 10)
    } else if (++counter === longestCounter) {
      counter = 0
      timeText = base32(++time, 10)
    }
    return timeText + base32(counter, 4) + maker
  }
}
