import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { CancelScope } from '../../src/concurrency/cancel-scope.ts'
import { VirtualClock } from '../../src/kernel/virtual-clock.ts'

/** Runs in a scope on a clock that jumps from timer to timer. */
export async function onClock<T>(fn: (clock: VirtualClock) => Promise<T>): Promise<T> {
  const clock = new VirtualClock(0)
  return clock.runUntil(new CancelScope({ clock }).run(() => fn(clock))) as Promise<T>
}

setFlagsFromString('--expose-gc')
/** Collects all that is garbage. */
export const collect = runInNewContext('gc') as () => void
