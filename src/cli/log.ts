import { type LogFields, type LogLevel, type Logger, lineLogger } from '../kernel/logger.ts'
import { toJson } from './output.ts'
import { logLine } from './terminal/log-line.ts'

/** What a command logs, on stderr. */
export function stderrLog(level: LogLevel, json: boolean): Logger {
  return lineLogger(level, (line) => console.error(json ? toJson(line) : forPeople(line)))
}

function forPeople({ level, time, msg, ...fields }: LogFields): string {
  return logLine({ level: level as LogLevel, time: String(time), message: String(msg), fields }, process.stderr)
}
