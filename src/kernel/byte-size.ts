import { InvalidOptionError } from './errors.ts'

const units = { kb: 1_024, mb: 1_048_576, gb: 1_073_741_824, tb: 1_099_511_627_776 } as const

type Unit = keyof typeof units

/** So many bytes: a number of them, or a number with its unit, such as `'500mb'` or `'1.5gb'`. A kilobyte is 1,024 bytes. */
export type ByteSize = number | `${number}${Unit}`

const pattern = /^(\d+(?:\.\d+)?)\s*(kb|mb|gb|tb)$/

/**
 * A size in bytes.
 *
 * @param name the option it came from, for the error
 * @throws InvalidOptionError where it is not more than 0, not a number, or text in another form
 *
 * @example
 * byteSize('1.5kb')   // 1536
 * byteSize(250)       // 250
 */
export function byteSize(size: ByteSize, name = 'size'): number {
  const parts = typeof size === 'string' ? pattern.exec(size) : null
  const bytes = parts ? Number(parts[1]) * units[parts[2] as Unit] : size
  if (typeof bytes === 'number' && bytes > 0) return bytes
  throw new InvalidOptionError(name, size, "a number of bytes, more than 0, or a number with a unit (kb, mb, gb, tb), such as '500mb'")
}
