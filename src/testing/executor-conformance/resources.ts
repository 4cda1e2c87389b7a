import { readFileSync, writeFileSync } from 'node:fs'
import { type Bench, type Cases, callOf, errorOf } from './bench.ts'
import { journalVariable, useAll, useLate, usePool, usePoolSoon, useUndeclared } from './resource-tasks.ts'

/** What was opened (o) and closed (c) in this case, in order. */
function journal({ path }: Bench): { readonly text: () => string, readonly path: string } {
  const own = path('journal')
  writeFileSync(own, '')
  process.env[journalVariable] = own
  return { text: () => readFileSync(own, 'utf8'), path: own }
}

export const resourceCases: Cases = {
  async 'a resource is opened once, before the first call that needs it, and closed with the executor'(bench) {
    const { open, expect } = bench
    const { text } = journal(bench)
    const executor = open({ concurrency: 1 })
    const outcomes = await Promise.all([usePool, usePoolSoon, usePool, usePoolSoon, usePool].map((task) => executor.execute(callOf(task, []))))
    expect(outcomes.map(({ kind }) => kind)).toEqual(Array.from({ length: 5 }, () => 'returned'))
    expect(new Set(outcomes.map((outcome) => outcome.kind === 'returned' && outcome.value)).size).toBe(1)
    expect(text()).toBe('o')
    await executor.close()
    expect(text()).toBe('oc')
  },

  async 'what no call needs is not opened'(bench) {
    const { open, expect } = bench
    const { text } = journal(bench)
    const executor = open()
    expect(errorOf(await executor.execute(callOf(useUndeclared, [])))).toMatchObject({ kind: 'threw', code: 'RESOURCE_NOT_OPEN' })
    await executor.close()
    expect(text()).toBe('')
  },

  async 'a task that does not say so has no resource, though others have'(bench) {
    const { open, expect } = bench
    journal(bench)
    const executor = open({ concurrency: 1 })
    await executor.execute(callOf(usePool, []))
    expect(errorOf(await executor.execute(callOf(useUndeclared, [])))).toMatchObject({ kind: 'threw', code: 'RESOURCE_NOT_OPEN' })
  },

  async 'where it cannot be opened the call fails with the cause, and the next tries again'(bench) {
    const { open, expect } = bench
    const { text, path } = journal(bench)
    const executor = open({ concurrency: 1 })
    const failed = { kind: 'threw', mayRetry: true, code: 'RESOURCE_FAILED', cause: { $error: { message: 'not up yet', code: 'E_DOWN' } } }
    const outcome = await executor.execute(callOf(useLate, []))
    expect({ mayRetry: outcome.kind === 'threw' && outcome.mayRetry, ...errorOf(outcome) as object }).toMatchObject(failed)
    writeFileSync(`${path}.up`, '')
    expect(await executor.execute(callOf(useLate, []))).toMatchObject({ kind: 'returned', value: 'up' })
    expect(text()).toBe('oo')
  },

  async 'one whose close hangs or throws keeps neither the others from closing nor the executor'(bench) {
    const { open, expect } = bench
    const { text } = journal(bench)
    const executor = open({ concurrency: 1 })
    expect(await executor.execute(callOf(useAll, []))).toMatchObject({ kind: 'returned', value: 2 })
    await executor.close({ deadline: 0 })
    expect(text()).toBe('ohc')
  }
}
