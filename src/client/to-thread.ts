import { refuseNestedStart } from '../tasks/own-thread.ts'
import type { Task } from '../tasks/task.ts'
import { localDefaults } from './local-options.ts'
import { LocalRunner } from './local.ts'

let shared: LocalRunner | undefined

/**
 * Calls a task on a thread of its own, whatever place the task has, so that one that blocks holds up nobody: on up to 64 threads that the
 * whole program shares, which begin with the first call, end when they idle, and keep no program alive. As `asyncio.to_thread` and
 * `trio.to_thread.run_sync`. It is cancelled with the scope around it.
 *
 * @throws what the task throws, and as `local().run`; NotATaskError, NestedStartError
 *
 * @example
 * await toThread(area, 2, 3)   // 6
 */
export async function toThread<Args extends unknown[], Result, Own extends unknown[]>(task: Task<Args, Result, Own>, ...args: NoInfer<Args>): Promise<Awaited<Result>> {
  refuseNestedStart('toThread()')
  shared ??= new LocalRunner(localDefaults)
  return await shared.runAt('blocking', task, args) as Awaited<Result>
}
