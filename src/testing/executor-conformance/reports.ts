import type { LogLine, Progress } from '../../executors/executor.ts'
import { systemClock } from '../../kernel/clock.ts'
import { type Cases, callOf, errorOf } from './bench.ts'
import { add, countUp, logAndFail, logLines, misreport, sayAndWait, sayUnsendable } from './tasks.ts'

export const reportCases: Cases = {
  async 'progress is heard before the outcome, the last of it always, and a flood of it is thinned out'({ open, expect }) {
    const heard: Progress[] = []
    const outcome = await open().execute(callOf(countUp, [100_000], { onProgress: (progress) => void heard.push(progress) }))
    expect(outcome).toMatchObject({ kind: 'returned', value: 100_000 })
    expect(heard.at(-1)).toEqual({ done: 100_000, total: 100_000, note: 'counting' })
    expect(1_000).toBeGreaterThanOrEqual(heard.length)
    const inOrder = heard.map(({ done }) => done)
    expect(inOrder).toEqual(inOrder.toSorted((a, b) => a - b))
  },

  async 'the latest progress is heard while the call waits'({ open, mark, expect }) {
    const own = mark()
    const heard = Promise.withResolvers<void>()
    const call = open().execute(callOf(sayAndWait, [own.path], { onProgress: ({ done }) => { if (done === 2) heard.resolve() } }))
    await heard.promise
    own.release()
    expect(await call).toMatchObject({ kind: 'returned' })
  },

  async 'progress that is no amount fails the call'({ open, expect }) {
    const executor = open()
    for (const wrong of [[Number.NaN], [-1], [Infinity], [1, Number.NaN], ['1']]) {
      expect(errorOf(await executor.execute(callOf(misreport, wrong)))).toMatchObject({ kind: 'threw', code: 'INVALID_OPTION' })
    }
  },

  async 'each call hears of itself, and what nobody listens to harms nobody'({ open, expect }) {
    const executor = open({ concurrency: 2 })
    const heard: number[] = []
    await Promise.all([
      executor.execute(callOf(countUp, [3], { onProgress: ({ total }) => void heard.push(total!) })),
      executor.execute(callOf(countUp, [5])),
      executor.execute(callOf(logLines, [5])),
      executor.execute(callOf(add, [1, 1], { onProgress: () => void heard.push(0), onLog: () => void heard.push(0) }))
    ])
    expect([...new Set(heard)]).toEqual([3])
  },

  async 'lines are heard in order, with their fields, before the outcome'({ open, expect }) {
    const lines: LogLine[] = []
    const before = systemClock.now()
    await open().execute(callOf(logLines, [3], { onLog: (line) => void lines.push(line) }))
    expect(lines.map(({ level, message, fields }) => ({ level, message, fields }))).toEqual([0, 1, 2].map((line) => ({ level: 'info', message: 'a line', fields: { part: 'a', line } })))
    expect(lines[0]!.at).toBeGreaterThanOrEqual(before)
  },

  async 'a line whose fields cannot be sent arrives all the same'({ open, expect }) {
    const lines: LogLine[] = []
    expect(await open().execute(callOf(logAndFail, [], { onLog: (line) => void lines.push(line) }))).toMatchObject({ kind: 'threw' })
    expect(lines).toMatchObject([{ level: 'warn', fields: { handler: '[Function: handler]', order: 7 } }])
  },

  async 'a line and an error that hold what cannot be sent, shared memory too, arrive with the rest of them, and harm no other call'({ open, expect }) {
    const lines: LogLine[] = []
    const executor = open({ concurrency: 1 })
    const calls = [executor.execute(callOf(sayUnsendable, [], { onLog: (line) => void lines.push(line) })), executor.execute(callOf(add, [1, 1]))]
    const [failed, other] = await Promise.all(calls)
    expect(failed!).toMatchObject({ kind: 'threw', error: { message: 'after the line', fields: { order: 7 } } })
    expect(other!).toMatchObject({ kind: 'returned', value: 2 })
    expect(lines).toMatchObject([{ level: 'warn', message: 'a line', fields: { handler: '[Function: handler]', order: 7 } }])
    expect(await executor.execute(callOf(add, [2, 2]))).toMatchObject({ kind: 'returned', value: 4 })
  },

  async 'of too many lines the first are heard, and how many were dropped'({ open, expect }) {
    const lines: LogLine[] = []
    await open().execute(callOf(logLines, [1_500], { onLog: (line) => void lines.push(line) }))
    expect(lines.length).toBe(1_001)
    expect(lines[999]).toMatchObject({ fields: { line: 999 } })
    expect(lines[1_000]).toMatchObject({ level: 'warn', fields: { dropped: 500 } })
  }
}
