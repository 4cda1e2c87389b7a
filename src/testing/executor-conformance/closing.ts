import { setImmediate as nextTurn } from 'node:timers/promises'
import { type Cases, callOf, errorOf } from './bench.ts'
import { add, waitForMark } from './tasks.ts'

export const closingCases: Cases = {
  async 'it closes twice, and unused'({ open }) {
    const executor = open()
    await executor.close()
    await executor.close({ deadline: 0 })
  },

  async 'a call after the close is handed back'({ open, expect }) {
    const executor = open()
    await executor.execute(callOf(add, [1, 1]))
    await executor.close()
    expect(errorOf(await executor.execute(callOf(add, [1, 1])))).toMatchObject({ kind: 'handedBack', code: 'CLOSED' })
  },

  async 'the close waits for all that was taken'({ open, mark, expect }) {
    const executor = open({ concurrency: 1 })
    const own = mark()
    const running = executor.execute(callOf(waitForMark, [own.path]))
    const waiting = executor.execute(callOf(add, [1, 1]))
    await own.reaches(1)
    const closed = executor.close()
    own.release()
    expect(await running).toMatchObject({ kind: 'returned', value: 'done' })
    expect(await waiting).toMatchObject({ kind: 'returned', value: 2 })
    await closed
  },

  async 'what has not ended by the deadline is handed back'({ open, mark, expect }) {
    const executor = open({ concurrency: 1 })
    const own = mark()
    const running = executor.execute(callOf(waitForMark, [own.path]))
    const waiting = executor.execute(callOf(add, [1, 1]))
    await own.reaches(1)
    await executor.close({ deadline: 10 })
    expect(errorOf(await running)).toMatchObject({ kind: 'handedBack', code: 'CLOSED' })
    expect(errorOf(await waiting)).toMatchObject({ kind: 'handedBack', code: 'CLOSED' })
    own.release()
  },

  async 'a second close may hurry the first'({ open, mark, expect }) {
    const executor = open()
    const own = mark()
    const running = executor.execute(callOf(waitForMark, [own.path]))
    await own.reaches(1)
    const patient = executor.close()
    await executor.close({ deadline: 0 })
    await patient
    expect(errorOf(await running)).toMatchObject({ kind: 'handedBack', code: 'CLOSED' })
    own.release()
  },

  async 'it leaves nothing behind'({ open, expect }) {
    const before = handles()
    const executor = open({ concurrency: 2 })
    await Promise.all(Array.from({ length: 20 }, (_, index) => executor.execute(callOf(add, [index, 1], { timeout: 60_000 }))))
    await executor.close()
    for (let turn = 0; turn < 1_000 && handles() > before; turn++) await nextTurn()
    // The runner's own timers may end meanwhile.
    expect(before).toBeGreaterThanOrEqual(handles())
  }
}

/** How much there is of what an executor uses and what keeps a process from ending. */
function handles(): number {
  return process.getActiveResourcesInfo().filter((kind) => ['MessagePort', 'Worker', 'Timeout', 'ProcessWrap', 'PipeWrap'].includes(kind)).length
}
