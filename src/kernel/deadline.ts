/** A point in time by which something must end. The nearest of several wins; "no deadline" is one too. */
export interface Deadline {
  /** Milliseconds on `elapsed()` of the clock in use; `Infinity` where there is none. */
  readonly at: number
}

export const never: Deadline = { at: Infinity }

/**
 * The deadline `duration` from now, but no later than `outer`.
 *
 * @param now milliseconds, from `elapsed()` of the clock in use
 * @param duration milliseconds, zero or more
 * @throws RangeError where `duration` is negative or not a number
 *
 * @example
 * after(1_000, 500).at                      // 1500
 * after(1_000, 500, { at: 1_200 }).at       // 1200: the outer deadline is nearer
 */
export function after(now: number, duration: number, outer: Deadline = never): Deadline {
  if (!(duration >= 0)) throw new RangeError(`a deadline needs a duration of 0 ms or more, got ${duration}`)
  return { at: Math.min(now + duration, outer.at) }
}

/** Milliseconds left, never negative: what a timer may be set to. */
export function left(deadline: Deadline, now: number): number {
  return Math.max(0, deadline.at - now)
}
