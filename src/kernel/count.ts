import { InvalidOptionError } from './errors.ts'

/**
 * `value`, where it is a whole number, 1 or more.
 *
 * @param name the option it came from, for the error
 * @throws InvalidOptionError
 */
export function count(name: string, value: number): number {
  if (!Number.isInteger(value) || value < 1) throw new InvalidOptionError(name, value, 'a whole number, 1 or more')
  return value
}

/**
 * `value`, where it is a number of bytes, more than 0; `Infinity` for no limit.
 *
 * @param name the option it came from, for the error
 * @throws InvalidOptionError
 */
export function byteCount(name: string, value: number): number {
  if (typeof value !== 'number' || !(value > 0)) throw new InvalidOptionError(name, value, 'a number of bytes, more than 0')
  return value
}
