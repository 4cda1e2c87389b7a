import { setImmediate as nextTurn } from 'node:timers/promises'
import { type Cases, callOf, reaches, release, sharedCells } from './bench.ts'
import { add, spin, waitForAbort, waitForCell } from './tasks.ts'

export const stoppingCases: Cases = {
  async 'a call whose signal has aborted is not run'({ open, expect }) {
    const cells = sharedCells()
    expect(await open().execute(callOf(waitForAbort, [cells], { signal: AbortSignal.abort() }))).toEqual({ kind: 'cancelled' })
    expect(cells[0]).toBe(0)
  },

  async 'a call that is cancelled while it waits never begins'({ open, expect }) {
    const executor = open({ concurrency: 1 })
    const first = sharedCells()
    const second = sharedCells()
    const running = executor.execute(callOf(waitForCell, [first]))
    await reaches(first, 1)
    const abort = new AbortController()
    const waiting = executor.execute(callOf(waitForCell, [second], { signal: abort.signal }))
    abort.abort()
    expect(await waiting).toEqual({ kind: 'cancelled' })
    release(first)
    expect(await running).toMatchObject({ kind: 'returned', value: 'done' })
    expect(await executor.execute(callOf(add, [1, 1]))).toMatchObject({ kind: 'returned' })
    expect(second[0]).toBe(0)
  },

  async 'a running call that listens ends by itself when it is cancelled'({ open, expect }) {
    const executor = open({ grace: 60_000 })
    const cells = sharedCells()
    const abort = new AbortController()
    const running = executor.execute(callOf(waitForAbort, [cells], { signal: abort.signal }))
    await reaches(cells, 1)
    abort.abort()
    expect(await running).toEqual({ kind: 'cancelled' })
    await reaches(cells, 2)
    expect(await executor.execute(callOf(add, [1, 1]))).toMatchObject({ kind: 'returned' })
  },

  async 'a running call that does not listen is cancelled all the same'({ open, expect }) {
    const executor = open({ concurrency: 1, grace: 20 })
    const cells = sharedCells()
    const abort = new AbortController()
    const running = executor.execute(callOf(waitForCell, [cells], { signal: abort.signal }))
    await reaches(cells, 1)
    abort.abort()
    expect(await running).toEqual({ kind: 'cancelled' })
    expect(await executor.execute(callOf(add, [1, 1]))).toMatchObject({ kind: 'returned', value: 2 })
    release(cells)
  },

  async 'a call whose time is up is told so, and has timed out'({ open, expect }) {
    const cells = sharedCells()
    const executor = open({ grace: 60_000 })
    expect(await executor.execute(callOf(waitForAbort, [cells], { timeout: 20 }))).toEqual({ kind: 'timedOut' })
    await reaches(cells, 2)
    expect(await executor.execute(callOf(add, [1, 1], { timeout: 60_000 }))).toMatchObject({ kind: 'returned', value: 2 })
  },

  async 'an endless synchronous loop is stopped'({ open, expect }) {
    const executor = open({ concurrency: 1, grace: 20 })
    const cells = sharedCells()
    const abort = new AbortController()
    const running = executor.execute(callOf(spin, [cells], { signal: abort.signal }))
    const waiting = executor.execute(callOf(add, [1, 1]))
    await reaches(cells, 1)
    abort.abort()
    expect(await running).toEqual({ kind: 'cancelled' })
    expect(await waiting).toMatchObject({ kind: 'returned', value: 2 })
    expect(await executor.execute(callOf(spin, [sharedCells()], { timeout: 20 }))).toEqual({ kind: 'timedOut' })
    await executor.close()
    const counted = cells[1]
    for (let turn = 0; turn < 1_000; turn++) await nextTurn()
    expect(cells[1]).toBe(counted)
  }
}
