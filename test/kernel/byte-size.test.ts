import { expect, test } from 'vitest'
import { type ByteSize, byteSize } from '../../src/kernel/byte-size.ts'
import { InvalidOptionError } from '../../src/kernel/errors.ts'

test.each([['1kb', 1_024], ['1.5mb', 1_572_864], ['2gb', 2 ** 31], ['1tb', 2 ** 40], [12, 12], [Infinity, Infinity]] as [ByteSize, number][])('%s is %d bytes', (size, bytes) => {
  expect(byteSize(size)).toBe(bytes)
})

test.each([0, -1, '0kb', Number.NaN, '', '5', 'kb', '-5kb', '5 apples', null, {}, undefined])('%s is refused with what it was and what to write', (wrong) => {
  const refused = (): number => byteSize(wrong as ByteSize, 'keep.bytes')
  expect(refused).toThrow(InvalidOptionError)
  expect(refused).toThrow(/^keep\.bytes takes .*'500mb'; got /)
})
