import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Duration, formatDuration, milliseconds } from '../../src/kernel/duration.ts'
import { InvalidOptionError } from '../../src/kernel/errors.ts'

test.each([
  ['250ms', 250], ['30s', 30_000], ['1.5h', 5_400_000], ['2m', 120_000], ['7d', 604_800_000], ['1w', 604_800_000], [0, 0], [12.5, 12.5], [Infinity, Infinity]
] as [Duration, number][])('%s is %d ms', (duration, ms) => {
  expect(milliseconds(duration)).toBe(ms)
})

test.each([-1, Number.NaN, '', '5', 's', '-5s', '5 parsecs', '1e3s', null, {}, undefined])('%s is refused with what it was and what to write', (wrong) => {
  const refused = (): number => milliseconds(wrong as Duration, 'timeout')
  expect(refused).toThrow(InvalidOptionError)
  expect(refused).toThrow(/^timeout takes .*'30s'; got /)
})

test('a number with a unit is that number times the unit', () => {
  fc.assert(fc.property(fc.nat(10_000), (n) => milliseconds(`${n}s`) === n * 1_000 && milliseconds(`${n}ms`) === n))
})

test.each([[0.5, '0.50 ms'], [3.12, '3.1 ms'], [340, '340 ms'], [1_500, '1.50 s'], [72_000, '1m 12s'], [3_720_000, '1h 2m']])('%d ms reads %s', (ms, text) => {
  expect(formatDuration(ms)).toBe(text)
})
