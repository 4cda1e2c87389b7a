/** What a log line carries besides its sentence. */
export type LogFields = Record<string, unknown>

/** Where Treadle logs. A pino logger fits as it is. */
export interface Logger {
  debug(fields: LogFields, message: string): void
  info(fields: LogFields, message: string): void
  warn(fields: LogFields, message: string): void
  error(fields: LogFields, message: string): void
  child(bindings: LogFields): Logger
}

export type LogLevel = 'debug' | 'info' | 'warn' | 'error'

/** A line that a call logged. */
export interface LogLine {
  readonly level: LogLevel
  /** Milliseconds since the epoch of its machine's clock. */
  readonly at: number
  readonly message: string
  readonly fields: LogFields
}

const order: readonly LogLevel[] = ['debug', 'info', 'warn', 'error']

/** Logs nothing: the default in a library. */
export const silentLogger: Logger = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  child: () => silentLogger
}

/** The logger, but what it throws is lost: a line that cannot be written must never stop what it tells of. */
export function harmless(log: Logger): Logger {
  const at = (level: LogLevel) => (fields: LogFields, message: string): void => {
    try {
      log[level](fields, message)
    } catch {
      // Nowhere to say it.
    }
  }
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: (bindings) => harmless(log.child(bindings))
  }
}

/** Gives each line at or above `level` to `write`, as an object with `level`, `time`, the fields and `msg`. */
export function lineLogger(level: LogLevel, write: (line: LogFields) => void, bindings: LogFields = {}): Logger {
  const at = (own: LogLevel) => (fields: LogFields, message: string): void => {
    if (order.indexOf(own) >= order.indexOf(level)) write({ level: own, time: new Date().toISOString(), ...bindings, ...fields, msg: message })
  }
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: (more) => lineLogger(level, write, { ...bindings, ...more })
  }
}
