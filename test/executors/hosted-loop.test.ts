import { describe, expect, test } from 'vitest'
import { ThreadExecutor, type ThreadExecutorOptions } from '../../src/executors/threads/thread-executor.ts'
import { VirtualClock } from '../../src/kernel/virtual-clock.ts'
import { executorConformance } from '../../src/testing/executor-conformance.ts'
import { addSoon } from '../fixtures/tasks/arithmetic.ts'
import { compute, exitLater, spin, spinLater, wait } from '../fixtures/tasks/cells.ts'
import { call, cells, letGo, limits, reaches, skippedOnThreads } from './support.ts'

executorConformance({
  name: 'ThreadExecutor that hosts a loop',
  open: ({ concurrency, grace, heapLimit }) => new ThreadExecutor({ place: 'loop', concurrency, grace, ...limits(heapLimit) }),
  skip: { ...skippedOnThreads, 'a heap that is exhausted costs the calls beside it nothing': 'its calls share one thread: those beside it are handed back' }
}, { describe, test, expect })

const hosted = (options: ThreadExecutorOptions = {}): ThreadExecutor => new ThreadExecutor({ place: 'loop', grace: 20, ...options })

describe('a hosted loop', () => {
  test('many calls wait on one thread at the same time', async () => {
    await using executor = hosted()
    const own = Array.from({ length: 40 }, cells)
    const running = own.map((each) => executor.execute(call(wait, [each])))
    await Promise.all(own.map((each) => reaches(each, 1)))
    own.forEach(letGo)
    expect((await Promise.all(running)).map((outcome) => outcome.kind)).toEqual(own.map(() => 'returned'))
  })

  test('a call that is stopped by force costs the others nothing but their attempt, uncharged', async () => {
    await using executor = hosted({ concurrency: 2 })
    const innocent = cells()
    const endless = cells()
    const abort = new AbortController()
    const other = executor.execute(call(wait, [innocent]))
    await reaches(innocent, 1)
    const culprit = executor.execute(call(spinLater, [endless], { signal: abort.signal }))
    const queued = executor.execute(call(addSoon, [1, 2]))
    await reaches(endless, 1)
    abort.abort()
    expect(await culprit).toEqual({ kind: 'cancelled' })
    expect(await other).toMatchObject({ kind: 'handedBack', error: { code: 'THREAD_REPLACED' } })
    expect(await queued).toMatchObject({ kind: 'returned', value: 3 })
  })

  test('a call that ends the thread is charged, and only it', async () => {
    await using executor = hosted()
    const innocent = cells()
    const exiting = cells()
    const last = cells()
    const first = executor.execute(call(wait, [innocent]))
    const culprit = executor.execute(call(exitLater, [exiting]))
    const third = executor.execute(call(wait, [last]))
    await Promise.all([innocent, exiting, last].map((each) => reaches(each, 1)))
    letGo(exiting)
    expect(await culprit).toMatchObject({ kind: 'died', error: { message: expect.stringContaining('process.exit(5)') as string } })
    expect(await first).toMatchObject({ kind: 'handedBack' })
    expect(await third).toMatchObject({ kind: 'handedBack' })
  })

  test('a loop that stands still is told, and replaced at its limit; the call in its first part is charged', async () => {
    const clock = new VirtualClock()
    const stalls: string[][] = []
    await using executor = hosted({ clock, stallLimit: 2_000, onStall: (_, tasks) => stalls.push(tasks) })
    const innocent = cells()
    const endless = cells()
    const other = executor.execute(call(wait, [innocent]))
    await reaches(innocent, 1)
    const culprit = executor.execute(call(spin, [endless]))
    await reaches(endless, 1)
    // Two looks to see that it stands, and as many as the limit takes.
    await clock.advance(1_500)
    expect(stalls[0]).toEqual(['spin'])
    await clock.advance(1_500)
    expect(await culprit).toMatchObject({ kind: 'died', error: { code: 'LOOP_STALLED' } })
    expect(await other).toMatchObject({ kind: 'handedBack' })
    expect(await executor.execute(call(addSoon, [1, 2]))).toMatchObject({ kind: 'returned' })
  })

  test('a call that cannot hear since another holds the loop is settled, and the other is left to the stall limit', async () => {
    const clock = new VirtualClock()
    await using executor = hosted({ clock, stallLimit: 2_000 })
    const deaf = cells()
    const endless = cells()
    const abort = new AbortController()
    const cancelled = executor.execute(call(wait, [deaf], { signal: abort.signal }))
    await reaches(deaf, 1)
    const culprit = executor.execute(call(spin, [endless]))
    await reaches(endless, 1)
    abort.abort()
    await clock.advance(20)
    expect(await cancelled).toEqual({ kind: 'cancelled' })
    await clock.advance(3_000)
    expect(await culprit).toMatchObject({ kind: 'died', error: { code: 'LOOP_STALLED' } })
  })

  test('a call that never ends, on a loop that turns, is left behind: it costs the others nothing', async () => {
    // Long enough for the loop to show that it turns, on a busy machine too.
    await using executor = hosted({ grace: 1_000, concurrency: 2 })
    const deaf = cells()
    const innocent = cells()
    const abort = new AbortController()
    const cancelled = executor.execute(call(wait, [deaf], { signal: abort.signal }))
    const other = executor.execute(call(wait, [innocent]))
    await Promise.all([reaches(deaf, 1), reaches(innocent, 1)])
    abort.abort()
    expect(await cancelled).toEqual({ kind: 'cancelled' })
    letGo(innocent)
    expect(await other).toMatchObject({ kind: 'returned' })
    // Only the deserted call was left: its thread is replaced, and all places are free again.
    const next = [cells(), cells()]
    const running = next.map((each) => executor.execute(call(wait, [each])))
    await Promise.all(next.map((each) => reaches(each, 1)))
    next.forEach(letGo)
    expect((await Promise.all(running)).map(({ kind }) => kind)).toEqual(['returned', 'returned'])
  })

  test('a stall that nobody can be charged with hands all back', async () => {
    const clock = new VirtualClock()
    await using executor = hosted({ clock, stallLimit: 2_000 })
    const endless = cells()
    const innocent = cells()
    const outcomes = [executor.execute(call(wait, [innocent])), executor.execute(call(spinLater, [endless]))]
    await reaches(endless, 1)
    await clock.advance(3_000)
    expect(await Promise.all(outcomes)).toMatchObject([{ kind: 'handedBack' }, { kind: 'handedBack' }])
  })

  test('calls that compute on one loop are each charged their part of the time', async () => {
    await using executor = hosted()
    const outcomes = await Promise.all([executor.execute(call(compute, [20])), executor.execute(call(compute, [20]))])
    const cpu = outcomes.reduce((sum, outcome) => sum + (outcome.kind === 'returned' ? outcome.spent.cpu : 0), 0)
    const wall = outcomes.reduce((sum, outcome) => sum + (outcome.kind === 'returned' ? outcome.spent.wall : 0), 0)
    expect(cpu).toBeGreaterThanOrEqual(38)
    expect(cpu).toBeLessThan(wall)
  })
})
