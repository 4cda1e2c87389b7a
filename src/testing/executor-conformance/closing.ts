import { AsyncLocalStorage, createHook } from 'node:async_hooks'
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
    using timers = new OwnTimers()
    await timers.during(async () => {
      const executor = open({ concurrency: 2 })
      await Promise.all(Array.from({ length: 20 }, (_, index) => executor.execute(callOf(add, [index, 1], { timeout: 60_000 }))))
      await executor.close()
    })
    for (let turn = 0; turn < 1_000 && (handles() > before || timers.size > 0); turn++) await nextTurn()
    expect(before).toBeGreaterThanOrEqual(handles())
    expect(timers.size).toBe(0)
  }
}

/** How much there is of what an executor uses and what keeps a process from ending, beside timers. */
function handles(): number {
  return process.getActiveResourcesInfo().filter((kind) => ['MessagePort', 'Worker', 'ProcessWrap', 'PipeWrap'].includes(kind)).length
}

/** The timers that a function sets, and what it starts: a test runner sets some of its own meanwhile. */
class OwnTimers implements Disposable {
  readonly #inside = new AsyncLocalStorage<boolean>()
  readonly #set = new Set<number>()
  readonly #hook = createHook({
    init: (id, type) => {
      if (type === 'Timeout' && this.#inside.getStore()) this.#set.add(id)
    },
    destroy: (id) => this.#set.delete(id)
  }).enable()

  /** How many of them have neither fired nor been taken back. */
  get size(): number {
    return this.#set.size
  }

  during<T>(fn: () => Promise<T>): Promise<T> {
    return this.#inside.run(true, fn)
  }

  [Symbol.dispose](): void {
    this.#hook.disable()
  }
}
