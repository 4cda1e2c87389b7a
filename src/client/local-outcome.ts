import type { Call, Outcome } from '../executors/executor.ts'
import { DeadlineExceededError } from '../kernel/errors.ts'
import { fromPortable } from '../wire/portable-error.ts'

/** The result of a call, or what its caller is to catch. An error that never left this thread is the very one that was thrown. */
export function resultOf(call: Call, outcome: Outcome): unknown {
  switch (outcome.kind) {
    case 'returned':
      return outcome.value
    case 'cancelled':
      throw call.signal?.reason
    case 'timedOut':
      throw new DeadlineExceededError(`The task '${call.task.name}'`)
    case 'threw':
    case 'died':
    case 'handedBack':
      throw 'thrown' in outcome ? outcome.thrown : fromPortable(outcome.error)
  }
}
