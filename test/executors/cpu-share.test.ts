import { expect, test } from 'vitest'
import { CpuShare } from '../../src/executors/cpu-share.ts'

test('calls that overlap share what was used meanwhile, and their shares add up to all of it', () => {
  let used = 100
  const cpu = new CpuShare(() => 0, () => used, 0)
  used = 150 // nobody's
  const first = cpu.begin()
  used += 10
  const second = cpu.begin()
  used += 20
  const ofFirst = cpu.end(first)
  used += 4
  const ofSecond = cpu.end(second)
  expect(ofFirst).toBe(20)
  expect(ofSecond).toBe(14)
})

test('between two readings the thread counts as busy, and the next one makes good what was guessed', () => {
  let [now, used] = [0, 0]
  const cpu = new CpuShare(() => now, () => used, 10)
  const call = cpu.begin()
  now = 4
  const short = cpu.begin()
  now = 6
  expect(cpu.end(short)).toBe(1)
  // It had used less: 5 of 12 ms. What was shared so far is taken into account.
  ;[now, used] = [12, 5]
  expect(cpu.end(call)).toBeCloseTo(4)
})

test('a correction never makes a time negative', () => {
  let now = 0
  const cpu = new CpuShare(() => now, () => 0, 10)
  cpu.begin()
  now = 9
  const late = cpu.begin()
  now = 20
  expect(cpu.end(late)).toBe(0)
})
