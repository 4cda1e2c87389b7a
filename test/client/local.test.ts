import { describe, expect, test } from 'vitest'
import { CancelScope } from '../../src/concurrency/cancel-scope.ts'
import { sleep } from '../../src/concurrency/sleep.ts'
import { local } from '../../src/client/local.ts'
import { ClosedError, DeadlineExceededError, DuplicateTaskError, InvalidOptionError, NotATaskError, ProcessExitedError, ThreadExitedError, UncloneableError } from '../../src/kernel/errors.ts'
import { context } from '../../src/tasks/context.ts'
import { type Task, task } from '../../src/tasks/task.ts'
import { add, addSoon, double } from '../fixtures/tasks/arithmetic.ts'
import { blockTogether } from '../fixtures/tasks/blocking.ts'
import { block, spin, wait, waitForAbort } from '../fixtures/tasks/cells.ts'
import { dieOnThread } from '../fixtures/tasks/die.ts'
import { double as doubleInProcess, leaveGrandchild, processId } from '../fixtures/tasks/processes.ts'
import { plus } from '../fixtures/tasks/other-add.ts'
import { cells, letGo, reaches } from '../executors/support.ts'

const boom = new RangeError('boom')
const failHere: Task<[], Promise<never>> = task({ name: 'failHere' }, async () => { throw boom })
const identity: Task<[value: object], Promise<object>> = task({ name: 'identity' }, async (value: object) => value)
const threadedEcho: Task<[value: unknown], unknown> = task({ name: 'threadedEcho' }, (value: unknown) => value)

const reportTwice: Task<[n: number], Promise<number>> = task({ name: 'reportTwice' }, async (n: number) => {
  context().progress(n)
  context().progress(n * 10)
  return n
})

function addTo(offset: number): Task<[n: number], number> {
  return task({ name: 'addTo' }, (n: number) => n + offset)
}

const waitFor: Task<[ms: number], Promise<number>> = task({ name: 'waitFor' }, async (ms: number) => {
  await sleep(ms)
  return ms
})

async function* upToThree(): AsyncGenerator<number> {
  yield 1
  yield 2
  await Promise.resolve()
  yield 3
}

async function* oneAndNoMore(): AsyncGenerator<number> {
  yield 1
  await new Promise(() => {})
}

function* oneAndAnError(): Generator<number> {
  yield 1
  throw boom
}

async function collect<T>(source: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const item of source) all.push(item)
  return all
}

describe('run', () => {
  test('calls a task where it belongs', async () => {
    await using here = local({ threads: 1 })
    expect(await here.run(add, 1, 2)).toBe(3)
    expect(await here.run(addSoon, 1, 2)).toBe(3)
  })

  test('on the loop values and errors are the very same', async () => {
    await using here = local()
    const value = {}
    expect(await here.run(identity, value)).toBe(value)
    await expect(here.run(failHere)).rejects.toBe(boom)
  })

  test('a call whose thread dies under it rejects', async () => {
    await using here = local({ threads: 1 })
    await expect(here.run(dieOnThread, 7)).rejects.toBeInstanceOf(ThreadExitedError)
    expect(await here.run(add, 1, 2)).toBe(3)
  })

  test('a task runs where its runs says', async () => {
    await using here = local({ threads: 1, processes: 1, blocking: 2 })
    const own = cells()
    expect(await here.run(processId)).not.toBe(process.pid)
    await Promise.all([here.run(blockTogether, 2, own), here.run(blockTogether, 2, own)])
    expect(await Array.fromAsync(here.map(doubleInProcess, [1, 2, 3]))).toEqual([2, 4, 6])
  })

  test('a call whose process dies under it rejects', async () => {
    await using here = local({ processes: 1 })
    await expect(here.run(leaveGrandchild)).rejects.toBeInstanceOf(ProcessExitedError)
  })

  test('calls made before the close are run, also where their executor is yet to be loaded', async () => {
    const here = local({ threads: 1 })
    const running = here.run(add, 1, 2)
    await here.close()
    expect(await running).toBe(3)
    await expect(here.run(addSoon, 1, 2)).rejects.toBeInstanceOf(ClosedError)
  })

  test('an argument that cannot be sent is refused with its path', async () => {
    await using here = local({ threads: 1 })
    await expect(here.run(threadedEcho, { callback() {} })).rejects.toBeInstanceOf(UncloneableError)
    await expect(here.run(threadedEcho, { callback() {} })).rejects.toThrow('args[0].callback')
  })

  test('a timeout rejects, on the loop and on a thread', async () => {
    await using here = local({ threads: 1 })
    await expect(here.run(waitForAbort.with({ timeout: 20 }), cells())).rejects.toBeInstanceOf(DeadlineExceededError)
    await expect(here.run(spin.with({ timeout: 20 }), cells())).rejects.toBeInstanceOf(DeadlineExceededError)
  })

  test('a signal cancels, and its reason is what the caller catches', async () => {
    await using here = local({ threads: 1 })
    const abort = new AbortController()
    const own = cells()
    const running = here.with({ signal: abort.signal }).run(waitForAbort, own)
    const threaded = here.with({ signal: abort.signal }).run(spin, own)
    await reaches(own, 1)
    const reason = new Error('enough')
    abort.abort(reason)
    await expect(running).rejects.toBe(reason)
    await expect(threaded).rejects.toBe(reason)
    await expect(here.with({ signal: abort.signal }).run(add, 1, 1)).rejects.toBe(reason)
    expect(await here.run(add, 1, 1)).toBe(2)
  })

  test('progress is heard, of run and of map', async () => {
    await using here = local({ threads: 1 })
    const heard: number[] = []
    const runner = here.with({ onProgress: ({ done }) => void heard.push(done) })
    await runner.run(reportTwice, 2)
    for await (const n of runner.map(reportTwice, [3, 4])) heard.push(-n)
    await here.run(reportTwice, 9)
    expect(heard.filter((n) => n > 0).toSorted((a, b) => a - b)).toEqual([2, 3, 4, 20, 30, 40])
    expect(heard.indexOf(-3)).toBeGreaterThan(heard.indexOf(30))
  })

  test('a task that is made inside a function cannot run on a thread, and the error says why', async () => {
    await using here = local({ threads: 1 })
    await expect(here.run(addTo(3), 1)).rejects.toMatchObject({ name: 'TaskIsClosureError', code: 'TASK_IS_CLOSURE' })
  })

  test('two functions of one name are refused; the same one with other options is not', async () => {
    await using here = local({ threads: 1 })
    await here.run(add, 1, 1)
    await here.run(add.with({ timeout: '1m' }), 1, 1)
    await expect(here.run(plus, 1, 1)).rejects.toBeInstanceOf(DuplicateTaskError)
  })

  test('what is not a task is refused', async () => {
    await using here = local()
    const fake = ((a: number) => a) as unknown as Task<[number], number>
    await expect(here.run(fake, 1)).rejects.toBeInstanceOf(NotATaskError)
    expect(() => here.map(fake, [1])).toThrow(NotATaskError)
  })

  test('a call ends with the scope around it, on the loop and on a thread', async () => {
    await using here = local({ threads: 1 })
    for (const runs of ['loop', 'thread'] as const) {
      const scope = new CancelScope({ timeout: 50 })
      expect(await scope.run(() => runs === 'loop' ? here.run(waitFor, 3_600_000) : here.run(spin, cells()))).toBeUndefined()
      expect(scope.cancelledCaught).toBe(true)
    }
    // A call is in its own scope, not in that of whoever made room for it.
    await using narrow = local({ loopConcurrency: 1 })
    const around = new CancelScope()
    const [first, second] = [around.run(() => narrow.run(waitFor, 20)), narrow.run(waitFor, 30)]
    await sleep(5)
    around.cancel()
    expect([await first, await second]).toEqual([undefined, 30])
    await new CancelScope().run(() => expect(narrow.run(waitFor.with({ timeout: 20 }), 3_600_000)).rejects.toThrow(DeadlineExceededError))
    const scope = new CancelScope({ timeout: 50 })
    const seen: number[] = []
    await scope.run(async () => { for await (const result of here.map(waitFor, [1, 3_600_000])) seen.push(result) })
    expect([seen, scope.cancelledCaught]).toEqual([[1], true])
  })

  test('options are checked', () => {
    expect(() => local({ threads: 0 })).toThrow(InvalidOptionError)
    expect(() => local({ loopConcurrency: 1.5 })).toThrow(InvalidOptionError)
  })
})

describe('close', () => {
  test('waits for what runs, then refuses', async () => {
    const here = local({ threads: 1 })
    const own = cells()
    const running = here.run(block, own)
    await reaches(own, 1)
    const closing = here.close()
    letGo(own)
    expect(await running).toBe('let go')
    await closing
    await here.close()
    await expect(here.run(add, 1, 1)).rejects.toBeInstanceOf(ClosedError)
    await expect(here.run(addSoon, 1, 1)).rejects.toBeInstanceOf(ClosedError)
  })

  test('stops at its deadline what still runs', async () => {
    const here = local({ threads: 1 })
    const own = [cells(), cells()] as const
    const running = [here.run(spin, own[0]), here.run(wait, own[1])]
    await Promise.all(own.map((each) => reaches(each, 1)))
    const outcomes = Promise.allSettled(running)
    await here.close({ deadline: 10 })
    for (const outcome of await outcomes) expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'CLOSED' } })
    letGo(own[1])
  })
})

describe('map', () => {
  test('gives results in the order of the items', async () => {
    await using here = local({ threads: 2 })
    const items = Array.from({ length: 300 }, (_, index) => index)
    expect(await collect(here.map(double, items))).toEqual(items.map((n) => n * 2))
  })

  test('takes an async source', async () => {
    await using here = local({ threads: 1 })
    expect(await collect(here.map(double, upToThree()))).toEqual([2, 4, 6])
  })

  test('reads an endless source no further than it was asked to, and closes it', async () => {
    await using here = local({ threads: 2 })
    let taken = 0
    let closed = false
    function* naturals(): Generator<number> {
      try {
        for (;;) yield taken++
      } finally {
        closed = true
      }
    }
    const seen: number[] = []
    for await (const value of here.map(double, naturals(), { concurrency: 5 })) {
      seen.push(value)
      expect(taken).toBeLessThanOrEqual(seen.length + 5)
      if (seen.length === 50) break
    }
    expect(seen).toEqual(Array.from({ length: 50 }, (_, index) => index * 2))
    expect(closed).toBe(true)
  })

  test('the first failure in order ends it, after the results before it, and cancels the rest', async () => {
    await using here = local()
    const cancelled = cells()
    const step: Task<[item: number], Promise<number>> = task({ name: 'step' }, async (item: number) => {
      if (item === 3) throw boom
      if (item > 3) await waitForAbort(cancelled)
      return item
    })
    const seen: number[] = []
    await expect((async () => {
      for await (const value of here.map(step, [0, 1, 2, 3, 4, 5])) seen.push(value)
    })()).rejects.toBe(boom)
    expect(seen).toEqual([0, 1, 2])
  })

  test('leaving the loop aborts the signals of the calls under way', async () => {
    await using here = local()
    const own = cells()
    const items = [undefined, own]
    const step: Task<[item: Int32Array | undefined], Promise<string>> = task({ name: 'leave' }, async (item) => item ? waitForAbort(item) : 'first')
    for await (const value of here.map(step, items)) {
      expect(value).toBe('first')
      await reaches(own, 1)
      break
    }
    await reaches(own, 2)
  })

  test('a failing source ends it with its error, after the results before', async () => {
    await using here = local({ threads: 1 })
    const seen: number[] = []
    await expect((async () => {
      for await (const value of here.map(double, oneAndAnError())) seen.push(value)
    })()).rejects.toBe(boom)
    expect(seen).toEqual([2])
  })

  test('a signal ends it with its reason, also while it waits for the source', async () => {
    await using here = local({ threads: 1 })
    const abort = new AbortController()
    const reason = new Error('enough')
    const results = here.map(double, oneAndNoMore(), { signal: abort.signal })
    expect(await results.next()).toEqual({ done: false, value: 2 })
    const next = results.next()
    abort.abort(reason)
    await expect(next).rejects.toBe(reason)
  })

  test('after the close it throws', async () => {
    const here = local()
    await here.close()
    await expect(collect(here.map(double, [1]))).rejects.toBeInstanceOf(ClosedError)
  })
})
