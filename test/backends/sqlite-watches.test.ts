import { appendFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { ChangeWatch } from '../../src/backends/sqlite/change-watch.ts'
import { EndingWatch } from '../../src/backends/sqlite/ending-watch.ts'
import type { SqliteEngine } from '../../src/backends/sqlite/engine.ts'
import { commands, queries } from '../../src/backends/sqlite/statements.ts'
import type { Clock, Timer } from '../../src/kernel/clock.ts'
import { silentLogger } from '../../src/kernel/logger.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

/** Stands still until a test moves it, at once and not in turns of the loop. */
class HandClock implements Clock {
  at = 0
  readonly timers: { readonly at: number, readonly callback: () => void }[] = []

  now(): number {
    return this.at
  }

  elapsed(): number {
    return this.at
  }

  after(ms: number, callback: () => void): Timer {
    const timer = { at: this.at + ms, callback }
    this.timers.push(timer)
    return { [Symbol.dispose]: () => { if (this.timers.includes(timer)) this.timers.splice(this.timers.indexOf(timer), 1) } }
  }

  async sleep(): Promise<void> {}

  fire(): void {
    const next = this.timers.toSorted((a, b) => a.at - b.at)[0]!
    this.timers.splice(this.timers.indexOf(next), 1)
    this.at = Math.max(this.at, next.at)
    next.callback()
  }
}

let clock: HandClock
beforeEach(() => { clock = new HandClock() })

/** @param cost milliseconds that each look takes */
function endingWatch(cost: number, fail?: () => void): { readonly watch: EndingWatch, readonly looks: number[] } {
  const looks: number[] = []
  const engine = {
    at: () => {
      fail?.()
      looks.push(clock.at)
      clock.at += cost
      return []
    }
  } as unknown as SqliteEngine
  const watch = new EndingWatch({ engine, clock, ended: () => {}, failed: (error) => { throw error }, changed: () => {} })
  return { watch, looks }
}

test('the first looks for an ending are free; then looking takes one part in five of the time, and none asked for is lost', async () => {
  const { watch, looks } = endingWatch(0.5)
  watch.add('job')
  await nextTurn()
  expect(looks).toEqual([0])
  for (let asked = 0; asked < 1_000; asked++) {
    watch.look()
    await nextTurn()
    if (clock.timers.length > 0) clock.fire()
  }
  expect(looks.length).toBe(1_001)
  expect(looks.slice(0, 4)).toEqual([0, 0.5, 1, 1.5])
  expect((looks.length * 0.5) / clock.at).toBeCloseTo(0.2, 2)
})

test('a file that is locked is looked at again', async () => {
  let locked = true
  const busy = Object.assign(new Error('database is locked'), { code: 'ERR_SQLITE_ERROR', errcode: 5 })
  const { watch, looks } = endingWatch(0.1, () => { if (locked) throw busy })
  watch.add('job')
  await nextTurn()
  expect([looks, clock.timers.length]).toEqual([[], 1])
  locked = false
  clock.fire()
  expect(looks).toHaveLength(1)
})

let folder: ReturnType<typeof temporaryFolder>
beforeEach(() => { folder = temporaryFolder() })
afterEach(() => folder[Symbol.dispose]())

test('where others write without end the file is not looked at in each turn, and a change is found all the same', async () => {
  const path = join(folder.path, 'a.db')
  writeFileSync(`${path}-wal`, '')
  const seen = { looks: 0, changes: 0 }
  let version = 1
  const watch = new ChangeWatch({ path, clock, log: silentLogger, version: () => { seen.looks++; return version }, changed: () => { seen.changes++ } })
  watch.start()
  seen.looks = 0
  // Events come, nothing changes, and the clock stands: what is in store is looked at closely, and then each event once.
  let events = 0
  while (events < 40) {
    const before = seen.looks
    appendFileSync(`${path}-wal`, 'x')
    while (seen.looks === before) await nextTurn()
    for (let turn = 0; turn < 100; turn++) await nextTurn()
    events++
  }
  expect(seen.looks).toBeLessThanOrEqual(90 + 2 * events)
  version++
  appendFileSync(`${path}-wal`, 'x')
  while (seen.changes === 0) await nextTurn()
  expect(seen.changes).toBe(1)
  version++
  clock.fire()
  expect(seen.changes).toBe(2)
  watch.stop()
})

test('no statement has a bare LIMIT ?: it would be prepared anew each time', () => {
  for (const sql of Object.values({ ...commands, ...queries })) expect(sql).not.toMatch(/LIMIT \?\d*(?! \+ 0)(?!\d)/)
})
