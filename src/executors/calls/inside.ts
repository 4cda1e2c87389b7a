import { inspect } from 'node:util'
import { type LogFields, type LogLevel, type Logger } from '../../kernel/logger.ts'
import { context } from '../../tasks/context.ts'
import { type PortableError, toPortable } from '../../wire/portable-error.ts'
import { cloneableError } from '../../wire/uncloneable.ts'
import { RunningCall } from '../running-call.ts'
import type { ToRunner } from './messages.ts'
import type { OutcomeBox, Outlet } from './outcome-box.ts'

// What a thread and a child process do alike for their host.

/** The call in whose context it ends is known while its last handlers run; afterwards nobody could tell. */
export function sayWhoEndsIt(box: OutcomeBox, outlet: Outlet): void {
  let culprit: number | undefined
  let error: PortableError | undefined
  process.on('uncaughtExceptionMonitor', (uncaught) => {
    culprit ??= currentCall()
    error ??= cloneableError(toPortable(uncaught), outlet.rules)
  })
  process.on('exit', () => box.flush({ ending: { culprit: culprit ?? currentCall(), error } }))
}

function currentCall(): number | undefined {
  const own = context()
  return own instanceof RunningCall ? own.seq : undefined
}

/** Answers the host's question for tasks. */
export async function describe({ id, asked }: NonNullable<ToRunner['describe']>, box: OutcomeBox, { rules }: Outlet): Promise<void> {
  try {
    // Loaded when it is needed: most threads are never asked.
    const { describeTasks } = await import('./manifest.ts')
    box.flush({ described: { id, manifests: await describeTasks(asked) } })
  } catch (error) {
    box.flush({ described: { id, error: cloneableError(toPortable(error), rules) } })
  }
}

/** A logger whose lines the host writes. */
export function loggerTo(outlet: Outlet, bindings: LogFields = {}): Logger {
  const at = (level: LogLevel) => (fields: LogFields, message: string): void => {
    const all = { ...bindings, ...fields }
    try {
      outlet.post({ log: [level, all, message] }, [])
    } catch {
      outlet.post({ log: [level, { fields: inspect(all) }, message] }, [])
    }
  }
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: (more) => loggerTo(outlet, { ...bindings, ...more })
  }
}
