import { expect, test } from 'vitest'
import { CpuShare } from '../../src/executors/cpu-share.ts'

test('calls that overlap share what was used meanwhile, and their shares add up to all of it', () => {
  let used = 100
  const cpu = new CpuShare(() => used)
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
