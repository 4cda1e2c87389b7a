import type { Clock } from '../../kernel/clock.ts'
import { context } from '../../tasks/context.ts'
import { type PortableError, toPortable } from '../../wire/portable-error.ts'
import { cloneableError, cloneableFields } from '../../wire/uncloneable.ts'
import type { Listener } from '../call-reports.ts'
import { RunningCall } from '../running-call.ts'
import type { Line } from './line.ts'
import { type FromRunner, type Heard, type HostWord, type RunnerWord, other } from './messages.ts'
import type { OutcomeBox } from './outcome-box.ts'

// What a thread and a child process do alike for their host.

/** The call in whose context it ends is known while its last handlers run; afterwards nobody could tell. */
export function sayWhoEndsIt(box: OutcomeBox): void {
  let culprit: number | undefined
  let error: PortableError | undefined
  process.on('uncaughtExceptionMonitor', (uncaught) => {
    culprit ??= currentCall()
    error ??= cloneableError(toPortable(uncaught))
  })
  process.on('exit', () => box.flush({ ending: { culprit: culprit ?? currentCall(), error } }))
}

function currentCall(): number | undefined {
  const own = context()
  return own instanceof RunningCall ? own.seq : undefined
}

/** Answers the host's question for tasks. */
export async function describe({ id, asked }: NonNullable<HostWord['describe']>, box: OutcomeBox): Promise<void> {
  try {
    // Loaded when it is needed: most threads are never asked.
    const { describeTasks } = await import('./manifest.ts')
    box.flush({ described: { id, manifests: await describeTasks(asked) } })
  } catch (error) {
    box.flush({ described: { id, error: cloneableError(toPortable(error)) } })
  }
}

/** What calls say of themselves goes to the host at once: a call that dies of what comes next has said it. */
export function listenersTo(line: Line<FromRunner>, clock: Clock, logs: boolean): Record<Heard, Listener> {
  const say = (word: RunnerWord): void => {
    line.post([other, word])
    line.flush()
  }
  const progress: Listener['progress'] = (progress, { seq }) => say({ progress: [seq, progress] })
  const log: Listener['log'] = (line, { seq, bindings }) => {
    try {
      say({ log: [seq, line, bindings] })
    } catch {
      say({ log: [seq, { ...line, fields: cloneableFields(line.fields) }, bindings] })
    }
  }
  const hold: Listener['hold'] = (what, ms, { seq }) => say({ hold: [seq, what, ms] })
  const forLogger = logs ? { log } : {}
  return [{ clock, hold, ...forLogger }, { clock, hold, progress, ...forLogger }, { clock, hold, log }, { clock, hold, progress, log }]
}
