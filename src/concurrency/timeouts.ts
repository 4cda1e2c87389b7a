import type { Duration } from '../kernel/duration.ts'
import { DeadlineExceededError } from '../kernel/errors.ts'
import { CancelScope, currentClock } from './cancel-scope.ts'

/**
 * Runs `fn`, and gives up after a time: what `fn` awaits then ends, and what comes after goes on.
 *
 * As `trio.move_on_after`. It waits until `fn` has ended: nothing is left running behind.
 *
 * @returns what `fn` gives; undefined where time was up
 * @throws what `fn` throws
 *
 * @example
 * await moveOnAfter('1ms', () => sleep('1h'))   // undefined
 */
export async function moveOnAfter<T>(timeout: Duration, fn: (scope: CancelScope) => T): Promise<Awaited<T> | undefined> {
  return new CancelScope({ timeout }).run(fn)
}

/**
 * Runs `fn`, which must end in a time. As `trio.fail_after`, and `asyncio.wait_for`: it waits until `fn` has ended.
 *
 * @throws what `fn` throws; DeadlineExceededError where time was up
 *
 * @example
 * await withTimeout('5s', () => 42)   // 42
 */
export async function withTimeout<T>(timeout: Duration, fn: (scope: CancelScope) => T): Promise<Awaited<T>> {
  return inTime(new CancelScope({ timeout }), fn)
}

/**
 * Runs `fn`, which must end by a time of day. As `trio.fail_at`.
 *
 * @param at a Date, or milliseconds since the epoch
 * @throws what `fn` throws; DeadlineExceededError where time was up
 *
 * @example
 * await withDeadline(Date.now() + 5_000, () => 42)   // 42
 */
export async function withDeadline<T>(at: Date | number, fn: (scope: CancelScope) => T): Promise<Awaited<T>> {
  return inTime(new CancelScope({ timeout: Math.max(0, Number(at) - currentClock().now()) }), fn)
}

/**
 * Runs `fn` out of reach of cancels and deadlines from outside: for what must be done whatever happens, such as a clean-up. Give it a
 * timeout of its own where it might never end.
 *
 * @throws what `fn` throws; DeadlineExceededError where its own time was up
 *
 * @example
 * await shield(() => sleep('1ms'), { timeout: '5s' })   // undefined
 */
export async function shield<T>(fn: (scope: CancelScope) => T, options: { timeout?: Duration } = {}): Promise<Awaited<T>> {
  return inTime(new CancelScope({ ...options, shield: true }), fn)
}

async function inTime<T>(scope: CancelScope, fn: (scope: CancelScope) => T): Promise<Awaited<T>> {
  const result = await scope.run(fn)
  if (scope.cancelledCaught) throw new DeadlineExceededError('What was run with a timeout')
  return result as Awaited<T>
}
