import { styleText } from 'node:util'
import type { LogFields, LogLevel } from '../../kernel/logger.ts'
import { toJson } from '../output.ts'
import { oneLine } from './text.ts'

export interface LogEntry {
  /** As ISO 8601. */
  readonly time: string
  readonly level: LogLevel
  readonly message: string
  readonly fields: LogFields
}

const colours = { debug: 'dim', info: 'cyan', warn: 'yellow', error: 'red' } as const
/** Fields begin in one column, where the sentence is not longer. */
const sentence = 32

/** A log line for people: in a terminal coloured and aligned, elsewhere plain. */
export function logLine({ time, level, message, fields }: LogEntry, stream: NodeJS.WriteStream): string {
  const clock = time.slice(11, 23)
  if (!stream.isTTY) return [clock, level.padEnd(5), oneLine(message), ...Object.entries(fields).map(([key, value]) => `${oneLine(key)}=${oneLine(typeof value === 'string' ? value : toJson(value))}`)].join(' ')
  const shown = Object.entries(fields).map(([key, value]) => `${styleText('dim', `${oneLine(key)}=`, { stream })}${oneLine(forPeople(value))}`)
  return [styleText('dim', clock, { stream }), styleText(colours[level], level.padEnd(5), { stream }), oneLine(message).padEnd(shown.length > 0 ? sentence : 0), ...shown].join(' ')
}

function forPeople(value: unknown): string {
  if (typeof value === 'string') return value
  // Of an error that came from elsewhere, what says most.
  if (typeof value === 'object' && value !== null && 'name' in value && 'message' in value) return `${String(value.name)}: ${String(value.message)}`
  return toJson(value)
}
