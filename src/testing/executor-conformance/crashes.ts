import { readFileSync, writeFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import type { AnyTask } from '../../tasks/task.ts'
import { type Bench, type Cases, type OpenOptions, callOf, deathOf, errorOf } from './bench.ts'
import { add, awaitDeath, exhaustBuffers, exhaustHeap, exit, failLate, failLateUncloneably, leaveBomb, leaveLateRejection, leaveRejection, rejectLate, signalSelf, waitForMark } from './tasks.ts'

/** The call dies, with its reason; the executor goes on. */
async function diesAlone({ open, expect }: Bench, task: AnyTask, args: readonly unknown[], reason: string, options: Partial<OpenOptions> = {}): Promise<void> {
  const executor = open({ concurrency: 1, ...options })
  const dying = executor.execute(callOf(task, args))
  const waiting = executor.execute(callOf(add, [1, 1]))
  const error = errorOf(await dying)
  expect(error).toMatchObject({ kind: 'died', code: deathOf(executor) })
  expect((error as Error).message).toContain(reason)
  expect(await waiting).toMatchObject({ kind: 'returned', value: 2 })
  expect(await executor.execute(callOf(add, [2, 2]))).toMatchObject({ kind: 'returned', value: 4 })
}

/** A call dies while others, as many as run at once, are at work beside it: those end as they would have, from their one beginning. */
async function sparesOthers({ open, mark, expect }: Bench, task: AnyTask, reason: string, options: Partial<OpenOptions>): Promise<void> {
  const executor = open({ concurrency: 3, ...options })
  const marks = [mark(), mark()]
  const innocent = marks.map((own) => executor.execute(callOf(waitForMark, [own.path])))
  await Promise.all(marks.map((own) => own.reaches(1)))
  const error = errorOf(await executor.execute(callOf(task, [])))
  expect(error).toMatchObject({ kind: 'died', code: deathOf(executor) })
  expect((error as Error).message).toContain(reason)
  for (const own of marks) own.release()
  expect(await Promise.all(innocent)).toMatchObject([{ kind: 'returned', value: 'done' }, { kind: 'returned', value: 'done' }])
  expect(marks.map(({ steps }) => steps)).toEqual([2, 2])
}

/** What a call left behind fails after its result, while another call is at work: nobody is charged, and the executor goes on. */
async function chargesNobody({ open, mark, expect }: Bench, task: AnyTask): Promise<void> {
  const executor = open({ concurrency: 1 })
  const bomb = mark()
  const own = mark()
  expect(await executor.execute(callOf(task, [bomb.path]))).toMatchObject({ kind: 'returned' })
  const innocent = executor.execute(callOf(waitForMark, [own.path]))
  await own.reaches(1)
  bomb.release()
  expect(await innocent).toMatchObject({ kind: 'handedBack' })
  expect(await executor.execute(callOf(add, [2, 2]))).toMatchObject({ kind: 'returned', value: 4 })
}

export const crashCases: Cases = {
  'process.exit loses only its own call': (bench) => diesAlone(bench, exit, [3], 'process.exit(3)'),
  'an error in a callback loses only its own call': (bench) => diesAlone(bench, failLate, [], 'in a callback'),
  'a rejection that nothing handles loses only its own call': (bench) => diesAlone(bench, rejectLate, [], 'in a promise'),
  'a heap that is exhausted loses only its own call': (bench) => diesAlone(bench, exhaustHeap, [], 'out of memory', { heapLimit: 48 }),
  'memory outside the heap that is exhausted loses only its own call': (bench) =>
    diesAlone(bench, exhaustBuffers, [], 'beyond its limit', { memoryLimit: 200 * 2 ** 20 }),
  'a heap that is exhausted costs the calls beside it nothing': (bench) => sparesOthers(bench, exhaustHeap, 'out of memory', { heapLimit: 48 }),
  'memory outside the heap that is exhausted costs the calls beside it nothing': (bench) =>
    sparesOthers(bench, exhaustBuffers, 'beyond its limit', { memoryLimit: 200 * 2 ** 20 }),
  'an error in a callback that holds what cannot be sent loses only its own call': (bench) => diesAlone(bench, failLateUncloneably, [], 'in a callback'),
  'SIGSEGV loses only its own call': (bench) => diesAlone(bench, signalSelf, ['SIGSEGV'], 'SIGSEGV'),
  'SIGABRT loses only its own call': (bench) => diesAlone(bench, signalSelf, ['SIGABRT'], 'SIGABRT'),

  async 'SIGKILL from outside loses only the call that was running'({ open, mark, expect }) {
    const executor = open({ concurrency: 1 })
    const own = mark()
    const dying = executor.execute(callOf(awaitDeath, [own.path]))
    const waiting = executor.execute(callOf(add, [1, 1]))
    await own.reaches(1)
    process.kill(Number(readFileSync(`${own.path}.pid`, 'utf8')), 'SIGKILL')
    const error = errorOf(await dying)
    expect(error).toMatchObject({ kind: 'died', code: deathOf(executor) })
    expect((error as Error).message).toContain('SIGKILL')
    expect(await waiting).toMatchObject({ kind: 'returned', value: 2 })
  },

  async 'a rejection after the result takes nothing from the result, and nothing from the next call'({ open, expect }) {
    const executor = open({ concurrency: 1 })
    const calls = [executor.execute(callOf(leaveRejection, [])), executor.execute(callOf(add, [1, 1]))]
    expect(await Promise.all(calls)).toMatchObject([{ kind: 'returned', value: 'returned' }, { kind: 'returned', value: 2 }])
  },

  'an error after the result charges nobody': (bench) => chargesNobody(bench, leaveBomb),
  'a rejection long after the result charges nobody': (bench) => chargesNobody(bench, leaveLateRejection),

  async 'a module that cannot be imported fails each call that needs it, and is not imported again and again'({ open, path, expect }) {
    const module = path('broken.mjs')
    const log = path('imports')
    writeFileSync(module, `import { appendFileSync } from 'node:fs'; appendFileSync(${JSON.stringify(log)}, '.'); throw new Error('broken on purpose')`)
    const executor = open({ concurrency: 1 })
    const lost = { ...callOf(add, []), task: { name: 'lost', source: { modules: [pathToFileURL(module).href], within: undefined } } }
    const outcomes = await Promise.all([executor.execute(lost), executor.execute(lost), executor.execute(callOf(add, [1, 1]))])
    expect(outcomes.map(errorOf)).toMatchObject([
      { kind: 'threw', code: 'TASK_MODULE_FAILED' },
      { kind: 'threw', code: 'TASK_MODULE_FAILED' },
      { kind: 'returned', value: 2 }
    ])
    expect(readFileSync(log, 'utf8')).toBe('.')
  }
}
