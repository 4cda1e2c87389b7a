import type { Clock, Timer } from '../kernel/clock.ts'
import { type LogFields, type LogLevel, type LogLine, type Logger, silentLogger } from '../kernel/logger.ts'
import type { Progress } from '../tasks/progress.ts'
import type { Held } from '../tasks/limit.ts'
import type { RunningCall } from './running-call.ts'

/** Who hears what running calls say of themselves. */
export interface Listener {
  readonly clock: Clock
  readonly progress?: ((progress: Progress, call: RunningCall) => void) | undefined
  readonly log?: ((line: LogLine, call: Speaker) => void) | undefined
  readonly hold?: ((what: Held, ms: number, call: RunningCall) => void) | undefined
}

type Speaker = Pick<RunningCall, 'seq' | 'bindings' | 'ended'>

/** What speaks where no call does. */
export const nobody: Speaker = { seq: 0, bindings: {}, ended: true }

/** The line for a resource that could not be closed. */
export function notClosed(resource: string, err: unknown, clock: Clock): LogLine {
  return { level: 'warn', at: clock.now(), message: 'a resource could not be closed', fields: { resource, err } }
}

/** How often at most a call's progress is passed on, in milliseconds. */
const every = 50

/** So many lines a call may log. */
const mostLines = 1_000

/**
 * What one call says: its progress, of which the latest counts, and its lines, of which there is a limit. So a call that says
 * too much costs its host little.
 */
export class CallReports {
  readonly log: Logger
  readonly #listener: Listener
  readonly #call: RunningCall
  #waiting: Progress | undefined
  #toldAt = -Infinity
  #timer: Timer | undefined
  #lines = 0
  #ended = false

  constructor(listener: Listener, call: RunningCall) {
    this.#listener = listener
    this.#call = call
    this.log = listener.log ? this.#logger({}) : silentLogger
  }

  progress(progress: Progress): void {
    const { clock } = this.#listener
    if (this.#ended || !this.#listener.progress) return
    this.#waiting = progress
    const rest = this.#toldAt + every - clock.elapsed()
    if (rest <= 0) this.#tell()
    else this.#timer ??= clock.after(rest, () => this.#tell(), { background: true })
  }

  /** The call is over: its last progress is told, and how many lines were dropped. */
  end(): void {
    if (this.#ended) return
    this.#tell()
    if (this.#lines > mostLines) {
      this.#say('warn', { dropped: this.#lines - mostLines }, `a call may log ${mostLines} lines: the rest was dropped`)
    }
    this.#ended = true
  }

  #tell(): void {
    this.#timer?.[Symbol.dispose]()
    this.#timer = undefined
    const progress = this.#waiting
    if (!progress) return
    this.#waiting = undefined
    this.#toldAt = this.#listener.clock.elapsed()
    this.#listener.progress?.(progress, this.#call)
  }

  #say(level: LogLevel, fields: LogFields, message: string): void {
    this.#listener.log?.({ level, at: this.#listener.clock.now(), message, fields }, this.#call)
  }

  #logger(bindings: LogFields): Logger {
    const at = (level: LogLevel) => (fields: LogFields | string, message?: string): void => {
      if (++this.#lines > mostLines) return
      // A sentence alone, as loggers of this shape take it in JavaScript.
      if (typeof fields === 'string') this.#say(level, bindings, fields)
      else this.#say(level, merged(bindings, fields), textOf(message ?? ''))
    }
    return {
      debug: at('debug'),
      info: at('info'),
      warn: at('warn'),
      error: at('error'),
      child: (more) => this.#logger({ ...bindings, ...more })
    }
  }
}

/** A line must not fail its call, whatever it is given: what cannot be read is said to be so. */
function merged(bindings: LogFields, fields: LogFields): LogFields {
  try {
    return { ...bindings, ...fields }
  } catch (error) {
    return { ...bindings, unreadable: textOf(error) }
  }
}

function textOf(value: unknown): string {
  try {
    return String(value)
  } catch {
    return `[${typeof value}]`
  }
}
