import { count } from './count.ts'
import { type Duration, milliseconds } from './duration.ts'
import { InvalidOptionError } from './errors.ts'
import { checkOptions } from './options.ts'

/** A pool that follows its load: threads or child processes start when there is work, and end when they have idled. */
export interface PoolSize {
  /** So many stay though they idle. Default: 0. */
  readonly min?: number
  /** So many at most: so many calls run at once. Default: as many as cores. */
  readonly max?: number
  /** How long one idles before it ends. Default: `'5s'`. */
  readonly idleAfter?: Duration
}

const names = { min: true, max: true, idleAfter: true } as const

/** @throws InvalidOptionError */
export function poolSize(name: string, size: number | PoolSize | undefined, cores: number): { readonly most: number, readonly keepIdle: number, readonly idleAfter: number } {
  if (size === undefined) return { most: cores, keepIdle: 0, idleAfter: Infinity }
  if (typeof size === 'number') return { most: count(name, size), keepIdle: 0, idleAfter: Infinity }
  const { min = 0, max = cores, idleAfter = '5s' } = checkOptions(name, size, names)
  if (min !== 0) count(`${name}.min`, min)
  if (count(`${name}.max`, max) < min) throw new InvalidOptionError(`${name}.max`, max, `at least min, which is ${min}`)
  return { most: max, keepIdle: min, idleAfter: milliseconds(idleAfter, `${name}.idleAfter`) }
}
