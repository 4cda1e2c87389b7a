import { systemClock } from '../kernel/clock.ts'
import { type Duration, milliseconds } from '../kernel/duration.ts'
import { currentClock, currentScope } from './cancel-scope.ts'
import { suspend } from './suspend.ts'

/**
 * Waits. A cancel of a scope around it ends it at once.
 *
 * @throws CancelledError where it was cancelled; InvalidOptionError
 *
 * @example
 * await sleep('1ms')
 */
export function sleep(duration: Duration): Promise<void> {
  const clock = currentClock()
  return suspend<void>('A sleep', {}, (resume) => {
    const timer = clock.after(milliseconds(duration), () => resume())
    return () => timer[Symbol.dispose]()
  })
}

/** For so long, in milliseconds, code that checks may keep the loop from turning. */
const longestTurn = 5

let turnedAt = -Infinity

/**
 * For code that computes on the event loop: ends it where it was cancelled, and every 5 ms lets the loop turn, so that timers, requests and the
 * cancel itself get their turn. Cheap enough for an inner loop.
 *
 * @throws CancelledError where a scope around it was cancelled
 *
 * @example
 * let sum = 0
 * for (let i = 0; i < 1_000; i++) {
 *   await checkpoint()
 *   sum += i
 * }
 */
export async function checkpoint(): Promise<void> {
  const scope = currentScope()
  scope?.throwIfCancelled()
  if (systemClock.elapsed() - turnedAt < longestTurn) return
  await new Promise((resolve) => setImmediate(resolve))
  turnedAt = systemClock.elapsed()
  scope?.throwIfCancelled()
}
