import { readFileSync } from 'node:fs'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { type Cases, type Mark, callOf } from './bench.ts'
import { add, spin, waitForAbort, waitForMark, waitInScope } from './tasks.ts'

export const stoppingCases: Cases = {
  async 'a call whose signal has aborted is not run'({ open, mark, expect }) {
    const own = mark()
    expect(await open().execute(callOf(waitForAbort, [own.path], { signal: AbortSignal.abort() }))).toEqual({ kind: 'cancelled' })
    expect(own.steps).toBe(0)
  },

  async 'a call that is cancelled while it waits never begins'({ open, mark, expect }) {
    const executor = open({ concurrency: 1 })
    const first = mark()
    const second = mark()
    const running = executor.execute(callOf(waitForMark, [first.path]))
    await first.reaches(1)
    const abort = new AbortController()
    const waiting = executor.execute(callOf(waitForMark, [second.path], { signal: abort.signal }))
    abort.abort()
    expect(await waiting).toEqual({ kind: 'cancelled' })
    first.release()
    expect(await running).toMatchObject({ kind: 'returned', value: 'done' })
    expect(await executor.execute(callOf(add, [1, 1]))).toMatchObject({ kind: 'returned' })
    expect(second.steps).toBe(0)
  },

  async 'a running call that listens ends by itself when it is cancelled'({ open, mark, expect }) {
    const executor = open({ grace: 60_000 })
    const own = mark()
    const abort = new AbortController()
    const running = executor.execute(callOf(waitForAbort, [own.path], { signal: abort.signal }))
    await own.reaches(1)
    abort.abort()
    expect(await running).toEqual({ kind: 'cancelled' })
    await own.reaches(2)
    expect(await executor.execute(callOf(add, [1, 1]))).toMatchObject({ kind: 'returned' })
  },

  async 'what a call waits for in a scope or a group ends when the call is cancelled, or its time is up'({ open, mark, expect }) {
    const executor = open({ grace: 60_000 })
    const [cancelled, late] = [mark(), mark()]
    const abort = new AbortController()
    const running = executor.execute(callOf(waitInScope, [cancelled.path], { signal: abort.signal }))
    await cancelled.reaches(1)
    abort.abort()
    expect(await running).toEqual({ kind: 'cancelled' })
    await cancelled.reaches(2)
    expect(await executor.execute(callOf(waitInScope, [late.path], { timeout: 50 }))).toEqual({ kind: 'timedOut' })
    await late.reaches(2)
  },

  async 'a running call that does not listen is cancelled all the same'({ open, mark, expect }) {
    const executor = open({ concurrency: 1, grace: 20 })
    const own = mark()
    const abort = new AbortController()
    const running = executor.execute(callOf(waitForMark, [own.path], { signal: abort.signal }))
    await own.reaches(1)
    abort.abort()
    expect(await running).toEqual({ kind: 'cancelled' })
    expect(await executor.execute(callOf(add, [1, 1]))).toMatchObject({ kind: 'returned', value: 2 })
    own.release()
  },

  async 'calls that run beside each other and do not listen are all cancelled'({ open, mark, expect }) {
    const executor = open({ concurrency: 2, grace: 20 })
    const abort = new AbortController()
    const marks = [mark(), mark()]
    const running = marks.map((own) => executor.execute(callOf(waitForMark, [own.path], { signal: abort.signal })))
    await Promise.all(marks.map((own) => own.reaches(1)))
    abort.abort()
    expect(await Promise.all(running)).toEqual([{ kind: 'cancelled' }, { kind: 'cancelled' }])
    for (const own of marks) own.release()
  },

  async 'a call whose time is up is told so, and has timed out'({ open, mark, expect }) {
    const own = mark()
    const executor = open({ grace: 60_000 })
    expect(await executor.execute(callOf(waitForAbort, [own.path], { timeout: 20 }))).toEqual({ kind: 'timedOut' })
    await own.reaches(2)
    expect(await executor.execute(callOf(add, [1, 1], { timeout: 60_000 }))).toMatchObject({ kind: 'returned', value: 2 })
  },

  async 'an endless synchronous loop is stopped'({ open, mark, expect }) {
    const executor = open({ concurrency: 1, grace: 20 })
    const own = mark()
    const abort = new AbortController()
    const running = executor.execute(callOf(spin, [own.path], { signal: abort.signal }))
    const waiting = executor.execute(callOf(add, [1, 1]))
    await own.reaches(1)
    abort.abort()
    expect(await running).toEqual({ kind: 'cancelled' })
    expect(await waiting).toMatchObject({ kind: 'returned', value: 2 })
    expect(await executor.execute(callOf(spin, [mark().path], { timeout: 20 }))).toEqual({ kind: 'timedOut' })
    await executor.close()
    const counted = countOf(own)
    for (let turn = 0; turn < 1_000; turn++) await nextTurn()
    expect(countOf(own)).toBe(counted)
  }
}

function countOf(mark: Mark): string {
  return readFileSync(`${mark.path}.count`, 'utf8')
}
