import { InvalidOptionError } from './errors.ts'

const units = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 } as const

type Unit = keyof typeof units

/** A length of time: a number of milliseconds, or a number with its unit, such as `'250ms'`, `'30s'`, `'1.5h'` or `'7d'`. */
export type Duration = number | `${number}${Unit}`

const pattern = /^(\d+(?:\.\d+)?)\s*(ms|s|m|h|d|w)$/

/**
 * A duration in milliseconds.
 *
 * @param name the option it came from, for the error
 * @throws InvalidOptionError where it is negative, not a number, or text in another form
 *
 * @example
 * milliseconds('30s')   // 30000
 * milliseconds(250)     // 250
 */
export function milliseconds(duration: Duration, name = 'duration'): number {
  if (typeof duration === 'number' && duration >= 0) return duration
  const parts = typeof duration === 'string' ? pattern.exec(duration) : null
  if (!parts) {
    throw new InvalidOptionError(name, duration, "a number of milliseconds, 0 or more, or a number with a unit (ms, s, m, h, d, w), such as '30s'")
  }
  return Number(parts[1]) * units[parts[2] as Unit]
}

/** What is further off than this is an error in a computation, and no `Date` holds it. In milliseconds: 1,000 years. */
const longestWait = 1_000 * 365.25 * units.d

/**
 * `ms`, where it is no more than 1,000 years: a time so far from now has a date.
 *
 * @param name the option it came from, for the error
 * @throws InvalidOptionError
 */
export function waitable(ms: number, name: string): number {
  if (ms > longestWait) throw new InvalidOptionError(name, ms, 'no more than 1,000 years')
  return ms
}

/** A duration for people: the two largest units at most, such as `1m 12s` or `340 ms`. */
export function formatDuration(ms: number): string {
  if (ms === 0) return '0 ms'
  if (ms < 1) return `${ms.toFixed(2)} ms`
  if (ms < 1_000) return `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`
  if (ms < 60_000) return `${(ms / 1_000).toFixed(ms < 10_000 ? 2 : 1)} s`
  const seconds = Math.round(ms / 1_000)
  return seconds < 3_600
    ? `${Math.floor(seconds / 60)}m ${seconds % 60}s`
    : `${Math.floor(seconds / 3_600)}h ${Math.floor((seconds % 3_600) / 60)}m`
}
