import { Event } from './event.ts'
import { TaskGroupError } from './task-group-error.ts'
import { taskGroup } from './task-group.ts'

/**
 * Runs functions beside each other, gives what the first to end gives, or throws what it threw, and cancels the others; it ends when they
 * have.
 *
 * @throws what the first threw; TaskGroupError where another failed, before it was cancelled or when it was: no error is lost, though a value is
 *
 * @example
 * await race([() => sleep('1h'), async () => 'first'])   // 'first'
 */
export async function race<Runner extends () => unknown>(runners: Iterable<Runner>): Promise<Awaited<ReturnType<Runner>>> {
  let first: { readonly value: Awaited<ReturnType<Runner>> } | undefined
  try {
    await taskGroup((group) => {
      for (const run of runners) {
        group.start(async () => {
          const value = await run() as Awaited<ReturnType<Runner>>
          first ??= { value }
          group.cancel()
        })
      }
    })
  } catch (error) {
    throw error instanceof TaskGroupError && error.errors.length === 1 && !first ? error.errors[0] : error
  }
  // There were none, or each cancelled itself: as Promise.race, it has nothing to give.
  return first ? first.value : new Event().wait() as Promise<never>
}
