import { once } from 'node:events'
import { describe, expect, test } from 'vitest'
import { ThreadExecutor } from '../../src/executors/threads/thread-executor.ts'
import { type LogFields, lineLogger } from '../../src/kernel/logger.ts'
import { VirtualClock } from '../../src/kernel/virtual-clock.ts'
import { executorConformance } from '../../src/testing/executor-conformance.ts'
import { open } from '../fixtures/executors/threads.ts'
import { double } from '../fixtures/tasks/arithmetic.ts'
import { block, exhaust, leaveBomb, logSomething, maybeBlock, meetUnreadable, postOwn, postUnreadable, spin, wait } from '../fixtures/tasks/cells.ts'
import { call, cells, letGo, reaches, skippedOnThreads } from './support.ts'

executorConformance({
  name: 'ThreadExecutor',
  open,
  module: new URL('../fixtures/executors/threads.ts', import.meta.url).href,
  skip: skippedOnThreads
}, { describe, test, expect })

describe('threads', () => {
  test('what waits behind a long call goes to another thread', async () => {
    await using executor = new ThreadExecutor({ threads: 2, grace: 20 })
    // Short calls so far, so that several are sent ahead to each thread.
    await Promise.all(Array.from({ length: 200 }, () => executor.execute(call(maybeBlock, []))))
    const own = cells()
    const long = executor.execute(call(maybeBlock, [own]))
    const outcomes = await Promise.all(Array.from({ length: 50 }, () => executor.execute(call(maybeBlock, []))))
    expect(outcomes.map((outcome) => outcome.kind)).toEqual(outcomes.map(() => 'returned'))
    letGo(own)
    expect(await long).toMatchObject({ kind: 'returned', value: 'let go' })
  })

  test('calls by the ten thousand all settle, time and again', async () => {
    await using executor = new ThreadExecutor({ threads: 2 })
    for (let round = 0; round < 10; round++) {
      const outcomes = await Promise.all(Array.from({ length: 10_000 }, (_, index) => executor.execute(call(double, [index]))))
      expect(outcomes.every((outcome, index) => outcome.kind === 'returned' && outcome.value === 2 * index)).toBe(true)
    }
  })

  test('a call that is cancelled behind a long one settles at once, and never runs', async () => {
    await using executor = new ThreadExecutor({ threads: 1, grace: 20 })
    await Promise.all(Array.from({ length: 50 }, () => executor.execute(call(maybeBlock, []))))
    const own = cells()
    const never = cells()
    const long = executor.execute(call(maybeBlock, [own]))
    const abort = new AbortController()
    const behind = executor.execute(call(maybeBlock, [never], { signal: abort.signal }))
    const after = executor.execute(call(maybeBlock, []))
    await reaches(own, 1)
    abort.abort()
    expect(await behind).toEqual({ kind: 'cancelled' })
    letGo(own)
    expect(await long).toMatchObject({ kind: 'returned' })
    expect(await after).toMatchObject({ kind: 'returned', value: 'short' })
    expect(never[0]).toBe(0)
  })

  test('calls behind one that kills its thread are run elsewhere, once each', async () => {
    await using executor = new ThreadExecutor({ threads: 1, grace: 10 })
    await executor.execute(call(double, [1]))
    const own = cells()
    const stopped = executor.execute(call(spin, [own], { timeout: 50 }))
    const behind = Array.from({ length: 20 }, (_, index) => executor.execute(call(double, [index])))
    expect(await stopped).toEqual({ kind: 'timedOut' })
    expect((await Promise.all(behind)).map((outcome) => outcome.kind === 'returned' && outcome.value)).toEqual(Array.from({ length: 20 }, (_, index) => index * 2))
  })

  test('the timeout counts from when a call begins', async () => {
    const clock = new VirtualClock()
    await using executor = new ThreadExecutor({ threads: 1, clock })
    const own = cells()
    const long = executor.execute(call(block, [own]))
    await reaches(own, 1)
    const behind = executor.execute(call(double, [21], { timeout: 40 }))
    await clock.advance(1_000)
    letGo(own)
    expect(await long).toMatchObject({ kind: 'returned' })
    expect(await behind).toMatchObject({ kind: 'returned', value: 42 })
  })

  test('a late error of a call that has ended charges nobody else', async () => {
    await using executor = new ThreadExecutor({ threads: 1 })
    const bomb = cells()
    const own = cells()
    expect(await executor.execute(call(leaveBomb, [bomb]))).toMatchObject({ kind: 'returned' })
    const innocent = executor.execute(call(wait, [own]))
    await reaches(own, 1)
    letGo(bomb)
    expect(await innocent).toMatchObject({ kind: 'handedBack', error: { code: 'THREAD_REPLACED' } })
    expect(await executor.execute(call(double, [4]))).toMatchObject({ kind: 'returned', value: 8 })
  })

  test('a call that exhausts its memory dies alone', async () => {
    await using executor = new ThreadExecutor({ threads: 1, resourceLimits: { maxOldGenerationSizeMb: 32 } })
    const dying = executor.execute(call(exhaust, []))
    const waiting = executor.execute(call(double, [3]))
    expect(await dying).toMatchObject({ kind: 'died', error: { code: 'THREAD_EXITED', message: expect.stringContaining('out of memory') as string } })
    expect(await waiting).toMatchObject({ kind: 'returned', value: 6 })
  })

  test('threads that cannot start hand back what waits, instead of starting for ever', async () => {
    await using executor = new ThreadExecutor({ threads: 1, execArgv: ['--import', 'data:text/javascript,process.exit(9)'] })
    expect(await executor.execute(call(double, [3]))).toMatchObject({ kind: 'handedBack', error: { code: 'THREAD_START_FAILED' } })
  })

  test('so do threads that start, and end before they begin a call', async () => {
    const exits = "import { workerData } from 'node:worker_threads'; workerData.line.port.on('message', () => process.exit(9))"
    await using executor = new ThreadExecutor({ threads: 1, execArgv: ['--import', `data:text/javascript,${encodeURIComponent(exits)}`] })
    expect(await executor.execute(call(double, [3]))).toMatchObject({ kind: 'handedBack', error: { code: 'THREAD_START_FAILED', message: expect.stringContaining('process.exit(9)') as string } })
  })

  test("a task's own messages to its host are passed over, and said to be", async () => {
    const lines: LogFields[] = []
    await using executor = new ThreadExecutor({ threads: 1, log: lineLogger('debug', (line) => lines.push(line)) })
    const behind = Array.from({ length: 20 }, (_, index) => executor.execute(call(double, [index])))
    const calls = [executor.execute(call(postOwn, [])), executor.execute(call(postOwn, []))]
    expect(await Promise.all(calls)).toMatchObject([{ kind: 'returned', value: 'returned' }, { kind: 'returned', value: 'returned' }])
    expect(await Promise.all(behind)).toMatchObject(behind.map((_, index) => ({ kind: 'returned', value: 2 * index })))
    expect(await executor.execute(call(double, [4]))).toMatchObject({ kind: 'returned', value: 8 })
    expect(new Set(lines.map(({ msg }) => msg))).toEqual(new Set(['a message of unknown form came from a task']))
  })

  test('a message of its own that a task posts, and nobody can read, costs nothing', async () => {
    const lines: LogFields[] = []
    await using executor = new ThreadExecutor({ threads: 1, log: lineLogger('debug', (line) => lines.push(line)) })
    expect(await executor.execute(call(postUnreadable, []))).toMatchObject({ kind: 'returned' })
    expect(await executor.execute(call(double, [3]))).toMatchObject({ kind: 'returned', value: 6 })
    expect(lines.map(({ msg }) => msg)).toEqual(['a message of unknown form came from a task'])
  })

  test('a message to a thread that cannot be read ends it: no call is waited for in vain', async () => {
    await using executor = new ThreadExecutor({ threads: 1 })
    const culprit = executor.execute(call(meetUnreadable, []))
    const behind = executor.execute(call(double, [3]))
    expect(await culprit).toMatchObject({ kind: 'died', error: { code: 'THREAD_EXITED' } })
    expect(await behind).toMatchObject({ kind: 'returned', value: 6 })
  })

  test('what a call logs arrives at the host', async () => {
    const lines: unknown[] = []
    await using executor = new ThreadExecutor({ threads: 1, log: lineLogger('debug', (line) => lines.push(line)) })
    await executor.execute(call(logSomething, []))
    expect(lines).toMatchObject([{ level: 'info', msg: 'with a function' }, { level: 'warn', msg: 'plain', task: 'logSomething', order: 8 }])
  })
})

function module(name: string): string {
  return new URL(`../fixtures/tasks/${name}`, import.meta.url).href
}

describe('describeTasks', () => {
  test('describes what modules export, as plain data', async () => {
    await using executor = new ThreadExecutor({ threads: 1 })
    const manifests = await executor.describeTasks([module('arithmetic.ts')])
    expect(manifests.map(({ name, runs }) => [name, runs])).toEqual([['add', 'thread'], ['addSoon', 'loop'], ['double', 'thread'], ['nothing', 'thread']])
    expect(manifests[0]).toEqual({
      name: 'add',
      aliases: [],
      version: 1,
      runs: 'thread',
      source: { modules: [module('arithmetic.ts')], within: undefined },
      rules: { queue: 'default', priority: 0, timeout: Infinity, softTimeout: Infinity, delay: 0, expires: Infinity, tags: [], unique: undefined, key: undefined, ordered: false, cost: 1, link: [], linkError: [], ignoreResult: false, retry: { limit: 0, initial: 1_000, factor: 2, max: 3_600_000, jitter: 'full', giveUpOn: [] } }
    })
    expect(await executor.execute({ task: manifests[0]!, input: { args: [1, 2] }, timeout: Infinity })).toMatchObject({ kind: 'returned', value: 3 })
  })

  test('refuses two tasks of one name, and a module that cannot be imported', async () => {
    await using executor = new ThreadExecutor({ threads: 1 })
    await expect(executor.describeTasks([module('arithmetic.ts'), module('other-add.ts')])).rejects.toMatchObject({ code: 'DUPLICATE_TASK' })
    await expect(executor.describeTasks([module('nowhere.ts')])).rejects.toMatchObject({ code: 'TASK_MODULE_FAILED' })
    await expect(executor.describeTasks([module('exits.ts')])).rejects.toMatchObject({ code: 'THREAD_EXITED' })
  })

  test('a call that is cancelled while its module loads never begins', async () => {
    await using executor = new ThreadExecutor({ threads: 1, grace: 60_000 })
    const own = cells()
    const abort = new AbortController()
    const slow = { name: 'slow', source: { modules: [module('loads-slowly.ts')], within: undefined } }
    const cancelled = executor.execute({ task: slow, input: { args: [own] }, timeout: Infinity, signal: abort.signal })
    const loading = new BroadcastChannel('loads-slowly')
    await once(loading, 'message')
    abort.abort()
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a channel has none
    loading.postMessage('go on')
    expect(await cancelled).toEqual({ kind: 'cancelled' })
    expect(own[0]).toBe(0)
    expect(await executor.execute({ task: slow, input: { args: [own] }, timeout: 60_000 })).toMatchObject({ kind: 'returned' })
    loading.close()
  })

  test('a module that ends its thread charges the call that needed it', async () => {
    await using executor = new ThreadExecutor({ threads: 1 })
    const lost = { name: 'lost', source: { modules: [module('exits.ts')], within: undefined } }
    expect(await executor.execute({ task: lost, input: { args: [] }, timeout: Infinity })).toMatchObject({ kind: 'died', error: { code: 'THREAD_EXITED' } })
  })
})
