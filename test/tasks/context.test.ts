import { expect, test } from 'vitest'
import { local } from '../../src/client/local.ts'
import { context, inCall, runInContext } from '../../src/tasks/context.ts'
import { type Task, task } from '../../src/tasks/task.ts'

const look: Task<[], Promise<object>> = task({ name: 'look', timeout: '1m' }, async () => {
  await Promise.resolve()
  const { task: name, job, attempt, deadline, signal } = context()
  return { name, job, attempt, hasDeadline: deadline < Infinity, aborted: signal.aborted, inCall: inCall() }
})

test('a function that is called directly has a context that never aborts', async () => {
  expect(await look()).toEqual({ name: '', job: undefined, attempt: 1, hasDeadline: false, aborted: false, inCall: false })
})

test('a call has its own, also after it has waited', async () => {
  await using here = local()
  const own = { name: 'look', job: undefined, attempt: 1, hasDeadline: true, aborted: false, inCall: true }
  expect(await Promise.all([here.run(look), here.run(look)])).toEqual([own, own])
  expect(inCall()).toBe(false)
})

test('a context within a context hides the outer one, and only there', () => {
  const outer = { ...context(), task: 'outer' }
  runInContext(outer, () => {
    runInContext({ ...outer, task: 'inner' }, () => expect(context().task).toBe('inner'))
    expect(context().task).toBe('outer')
  })
})
