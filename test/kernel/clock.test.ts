import { expect, test } from 'vitest'
import { systemClock } from '../../src/kernel/clock.ts'
import { VirtualClock } from '../../src/kernel/virtual-clock.ts'

test('virtual time stands still until it is moved', async () => {
  const clock = new VirtualClock(1_000)
  const fired: number[] = []
  clock.after(50, () => fired.push(clock.now()))
  clock.after(20, () => fired.push(clock.now()))
  expect(fired).toEqual([])
  await clock.advance(49)
  expect(fired).toEqual([1_020])
  await clock.advance(1)
  expect(fired).toEqual([1_020, 1_050])
  expect(clock.elapsed()).toBe(50)
})

test('runUntil jumps over an hour, through timers that set timers', async () => {
  const clock = new VirtualClock(0)
  const work = async (): Promise<number> => {
    for (let minute = 0; minute < 60; minute++) await clock.sleep(60_000)
    return clock.now()
  }
  expect(await clock.runUntil(work())).toBe(3_600_000)
})

test('a disposed timer never fires', async () => {
  const clock = new VirtualClock()
  let fired = false
  clock.after(1, () => { fired = true })[Symbol.dispose]()
  await clock.advance(10)
  expect(fired).toBe(false)
})

test.each([['virtual', new VirtualClock()], ['system', systemClock]])('%s: a sleep ends when its signal aborts', async (_name, clock) => {
  const abort = new AbortController()
  const sleeping = clock.sleep(3_600_000, abort.signal)
  abort.abort()
  await sleeping
  await clock.sleep(3_600_000, abort.signal)
})

test('a timer of for ever is no timer', async () => {
  const clock = new VirtualClock()
  let fired = false
  clock.after(Infinity, () => { fired = true })
  await clock.advance(10 ** 12)
  expect(fired).toBe(false)
  systemClock.after(Infinity, () => { fired = true })[Symbol.dispose]()
})

test('the system clock takes delays beyond those of setTimeout', () => {
  let fired = false
  using _timer = systemClock.after(2 ** 40, () => { fired = true })
  expect(fired).toBe(false)
})
