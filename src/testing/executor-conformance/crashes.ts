import type { AnyTask } from '../../tasks/task.ts'
import { type Bench, type Cases, callOf, errorOf } from './bench.ts'
import { add, exit, failLate, rejectLate } from './tasks.ts'

/** The call dies, with its reason; the executor goes on. */
async function diesAlone({ open, expect }: Bench, task: AnyTask, args: readonly unknown[], reason: string): Promise<void> {
  const executor = open({ concurrency: 1 })
  const dying = executor.execute(callOf(task, args))
  const waiting = executor.execute(callOf(add, [1, 1]))
  const error = errorOf(await dying)
  expect(error).toMatchObject({ kind: 'died', code: 'THREAD_EXITED' })
  expect((error as Error).message).toContain(reason)
  expect(await waiting).toMatchObject({ kind: 'returned', value: 2 })
  expect(await executor.execute(callOf(add, [2, 2]))).toMatchObject({ kind: 'returned', value: 4 })
}

export const crashCases: Cases = {
  'process.exit loses only its own call': (bench) => diesAlone(bench, exit, [3], 'process.exit(3)'),
  'an error in a callback loses only its own call': (bench) => diesAlone(bench, failLate, [], 'in a callback'),
  'a rejection that nothing handles loses only its own call': (bench) => diesAlone(bench, rejectLate, [], 'in a promise')
}
