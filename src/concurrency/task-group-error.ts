import { TreadleError } from '../kernel/errors.ts'

/** What failed in a task group: every error, in the order in which they came; groups within groups make a tree. See `splitErrors`. */
export class TaskGroupError extends AggregateError {
  readonly code: string = 'TASK_GROUP_FAILED'

  constructor(errors: readonly unknown[]) {
    super(errors, `${errors.length === 1 ? 'A task of a group' : `${errors.length} tasks of a group`} failed: ${told(errors)}`)
    Object.defineProperty(this, 'name', { value: 'TaskGroupError', configurable: true, writable: true })
    TreadleError.brand(this)
  }

  /** Also of one that came from another thread. */
  static override [Symbol.hasInstance](value: unknown): boolean {
    return value instanceof TreadleError && (value as Error).name === 'TaskGroupError'
  }
}

/** Anything may have been thrown. */
function describe(error: unknown): string {
  try {
    return error instanceof Error ? `${error.name}: ${error.message}` : String(error)
  } catch {
    return typeof error
  }
}

const mostTold = 3

function told(errors: readonly unknown[]): string {
  const shown = errors.slice(0, mostTold).map(describe).join('; ')
  return errors.length > mostTold ? `${shown}; and ${errors.length - mostTold} more` : shown
}

/** One error as it is, several as one. */
export function together(errors: readonly unknown[]): unknown {
  return errors.length === 1 ? errors[0] : new TaskGroupError(errors)
}
