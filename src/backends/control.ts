import { type Place, places } from '../tasks/task.ts'

/** The topic on which workers that obey hear what they are to do. */
export const controlTopic = 'control'

/** Where those who asked hear what came of it. */
export function answersTopic(asker: string): string {
  return `answers:${asker}`
}

/** How many calls of a place run at once: so many, or so many more or fewer. */
export type ConcurrencyChange = { readonly to: number } | { readonly by: number }

/** A command with what it brings. To add one: in jobs/control-commands.ts, here and in `commandOf`, in the worker's `RemoteControl` and in the client's `Control`. */
export type ControlCommand =
  | { readonly command: 'ping' | 'active' | 'reserved' | 'stats' | 'registered' | 'pause' | 'resume' }
  /** `deadline`: milliseconds that what is under way may take. */
  | { readonly command: 'shutdown', readonly deadline?: number }
  | { readonly command: 'concurrency', readonly changes: Readonly<Partial<Record<Place, ConcurrencyChange>>> }

export type ControlRequest = ControlCommand & {
  /** A name of this request alone. */
  readonly asker: string
  /** Only these workers are meant. */
  readonly workers?: readonly string[]
}

export interface ControlAnswer {
  readonly worker: string
  readonly value: unknown
}

/** An attempt in a worker's hands. */
export interface HeldAttempt {
  readonly job: string
  readonly task: string
  readonly attempt: number
  readonly token: number
  /** Milliseconds since the worker reserved it. */
  readonly held: number
}

export interface RegisteredTask {
  readonly name: string
  readonly aliases: readonly string[]
  readonly version: number
  readonly runs: Place
}

/** What a worker has done since it started, and how it is. */
export interface WorkerReport {
  readonly queues: readonly string[]
  readonly ready: boolean
  /** Why it takes no jobs, where it does not. */
  readonly reasons: readonly string[]
  readonly paused: boolean
  /** Milliseconds since it started. */
  readonly uptime: number
  readonly active: number
  readonly reserved: number
  /** How many calls run at once, by place. */
  readonly concurrency: Readonly<Partial<Record<Place, number>>>
  /** How attempts ended, by task. */
  readonly tasks: Readonly<Record<string, Readonly<Record<string, number>>>>
  /** Bytes of memory that its process holds. */
  readonly memory: number
  /** Messages to remote control that were not understood. */
  readonly ignored: number
}

/** Longer messages are none of ours, in characters. */
const longestRequest = 65_536
/** How many calls may run at once in one place, however often more are asked for. */
export const mostConcurrency: Readonly<Record<Place, number>> = { loop: 10_000, thread: 1_024, blocking: 1_024, process: 1_024 }

export function packControl(message: ControlRequest | ControlAnswer): string {
  return JSON.stringify(message)
}

/** What a message asks for; undefined where it is none that is understood: whoever can write to the backend may have written it. */
export function controlRequestOf(message: string): ControlRequest | undefined {
  const asked = message.length > longestRequest ? undefined : recordOf(message)
  if (!asked) return undefined
  const { asker, workers, command } = asked
  if (typeof asker !== 'string' || !/^[\w-]{1,64}$/.test(asker)) return undefined
  if (workers !== undefined && !isTexts(workers)) return undefined
  const known = commandOf(command, asked)
  return known && { ...known, asker, ...(workers === undefined ? {} : { workers }) }
}

export function controlAnswerOf(message: string): ControlAnswer | undefined {
  const answer = recordOf(message)
  return answer && typeof answer['worker'] === 'string' && 'value' in answer ? answer as unknown as ControlAnswer : undefined
}

export function isConcurrencyChange(change: unknown): change is ConcurrencyChange {
  if (typeof change !== 'object' || change === null) return false
  const [entry, ...others] = Object.entries(change)
  if (!entry || others.length > 0 || !Number.isSafeInteger(entry[1])) return false
  return entry[0] === 'by' || (entry[0] === 'to' && entry[1] as number >= 1)
}

function commandOf(command: unknown, asked: Readonly<Record<string, unknown>>): ControlCommand | undefined {
  switch (command) {
    case 'ping':
    case 'active':
    case 'reserved':
    case 'stats':
    case 'registered':
    case 'pause':
    case 'resume':
      return { command }
    case 'shutdown': {
      const { deadline } = asked
      if (deadline === undefined) return { command }
      return typeof deadline === 'number' && deadline >= 0 ? { command, deadline } : undefined
    }
    case 'concurrency': {
      const { changes } = asked
      if (typeof changes !== 'object' || changes === null) return undefined
      const all = Object.entries(changes)
      if (all.length === 0 || !all.every(([place, change]) => (places as readonly string[]).includes(place) && isConcurrencyChange(change))) return undefined
      return { command, changes }
    }
    default:
      return undefined
  }
}

function recordOf(message: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(message)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value as Record<string, unknown> : undefined
  } catch {
    return undefined
  }
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.length > 0 && value.every((entry) => typeof entry === 'string')
}
