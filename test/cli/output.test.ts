import { stripVTControlCharacters } from 'node:util'
import { expect, test } from 'vitest'
import { toJson, toText } from '../../src/cli/output.ts'
import { table } from '../../src/cli/terminal/table.ts'

const plain = (...args: Parameters<typeof table>): string[] => stripVTControlCharacters(table(...args)).split('\n')

test('quantities stand to the right, words to the left, under a rule as wide as the column', () => {
  expect(plain(['task', 'jobs', 'wall'], [['download', 40, '1.25 s'], ['flaky', 3, '340 ms']])).toEqual([
    'task      jobs    wall',
    '────────  ────  ──────',
    'download    40  1.25 s',
    'flaky        3  340 ms'
  ])
})

test('a column with "never", "–" or nothing in it is still one of quantities', () => {
  expect(plain(['from', ''], [['12.5 ms', 'a'], ['never', 'b'], ['–', 'c'], ['', 'd']]).slice(2)).toEqual(['12.5 ms  a', '  never  b', '      –  c', '         d'])
})

test('styled cells are as wide as they look', () => {
  expect(plain(['a', 'b'], [['\u001B[32mok\u001B[39m', 'x'], ['failed', 'y']]).slice(2)).toEqual(['ok      x', 'failed  y'])
})

test('a table without rows is its heading', () => {
  expect(plain(['queue', 'ready'], [])).toEqual(['queue  ready', '─────  ─────'])
})

test('JSON shows what it lacks as what comes nearest', () => {
  const value = { big: 2n ** 64n, map: new Map([['a', 1]]), pairs: new Map([[1, 2]]), set: new Set([1]), bytes: new Uint8Array([1, 2]), error: Object.assign(new TypeError('no'), { code: 'E' }) }
  expect(JSON.parse(toJson(value))).toEqual({
    big: '18446744073709551616', map: { a: 1 }, pairs: [[1, 2]], set: [1], bytes: [1, 2], error: { code: 'E', name: 'TypeError', message: 'no' }
  })
  expect(toJson(undefined)).toBe('null')
})

test('text is shown as it is, other values as Node shows them', () => {
  expect(toText('two words')).toBe('two words')
  expect(stripVTControlCharacters(toText({ a: [1] }))).toBe('{ a: [ 1 ] }')
})
