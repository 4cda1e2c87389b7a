import { delimiter } from 'node:path'
import { type Command, InvalidArgumentError, Option } from 'commander'
import { type ByteSize, byteSize } from '../../kernel/byte-size.ts'
import { type Duration, milliseconds } from '../../kernel/duration.ts'
import { InvalidOptionError } from '../../kernel/errors.ts'
import { type PoolSize, poolSize } from '../../kernel/pool-size.ts'

/** One thing that can be set: by a flag, by a variable of the environment, and in the file. */
export interface Setting {
  /** Where it stands in the file. */
  readonly key: string
  readonly flags: string
  readonly what: string
  /** What it takes in the file, for people. */
  readonly takes: string
  readonly fits: (value: unknown) => boolean
  /** What a flag says, as a value. Default: the text. */
  readonly parse?: (text: string, before: string[] | undefined) => string[] | string | number | boolean | PoolSize
  /** Between the entries of a list in a variable; a flag is given again instead. */
  readonly separator?: string
  readonly fallback?: string
  /** What holds where it is not set, for people. */
  readonly unset?: string
  readonly choices?: readonly string[]
}

export type SettingName =
  | 'broker' | 'payloads' | 'tasks' | 'queues' | 'threads' | 'loopConcurrency' | 'blocking' | 'processes' | 'memoryLimit'
  | 'control' | 'lease' | 'drain' | 'keep' | 'keepBytes' | 'schedules' | 'healthPort' | 'healthHost' | 'logLevel'

const logLevels: readonly string[] = ['debug', 'info', 'warn', 'error']
const cores = 'as many as cores'

/** The only list of what can be set: flags, variables, the file's keys and `treadle config` follow from it. */
export const settings: Readonly<Record<SettingName, Setting>> = {
  broker: {
    key: 'broker', flags: '-b, --broker <url>', what: 'where the jobs are kept, such as sqlite:app.db',
    takes: "a URL, such as 'sqlite:app.db'", fits: isText, fallback: 'sqlite:treadle.db'
  },
  payloads: {
    key: 'payloads', flags: '--payloads <folder>', what: 'where arguments and results over 1 MiB are kept, the same for all',
    takes: 'a folder', fits: isText, unset: 'none'
  },
  tasks: {
    key: 'tasks', flags: '-t, --tasks <module>', what: 'a module that exports tasks; may be given again',
    takes: 'the path of a module, or an array of them', fits: (value) => isText(value) || isTexts(value), parse: collected, separator: delimiter, unset: 'none'
  },
  queues: {
    key: 'queues', flags: '-q, --queues <name>', what: 'a queue to serve, with weights name=weight; may be given again',
    takes: 'an array of names, or an object with the weight of each', fits: (value) => isTexts(value) || isWeights(value), parse: collected, separator: ',', unset: 'default'
  },
  threads: pool('threads', '--threads <n>', 'calls that compute at the same time; 1..8: threads come and go with the work', cores),
  loopConcurrency: amount('loopConcurrency', '--loop-concurrency <n>', 'calls that wait at the same time', '100'),
  blocking: amount('blocking', '--blocking <n>', 'calls that block while they wait, at the same time', '64'),
  processes: pool('processes', '--processes <n>', 'calls in child processes at the same time; 1..8: they come and go with the work', cores),
  memoryLimit: amount('memoryLimit', '--memory-limit <bytes>', 'memory that a child process may hold', 'no limit'),
  control: {
    key: 'control', flags: '--control [yes]', what: 'obey remote control: whoever can write to the broker can then pause this worker, or shut it down',
    takes: 'true or false', fits: (value) => typeof value === 'boolean', parse: yesOrNo, unset: 'no'
  },
  lease: time('lease', 'how long the worker may be silent before its jobs go to others', '5s'),
  drain: time('drain', 'how long jobs under way may take to end after a signal', '30s'),
  keep: time('keep', 'how long jobs are kept that succeeded or were cancelled'),
  keepBytes: {
    key: 'keepBytes', flags: '--keep-bytes <size>', what: 'how much jobs that have ended may hold: then the oldest are removed', takes: "bytes, or a size such as '500mb'", unset: 'any size',
    fits: isByteSize, parse: size
  },
  schedules: {
    key: 'schedules', flags: '--schedules <on|off>', what: 'whether the worker fires schedules', takes: "'on' or 'off'", fits: (value) => value === 'on' || value === 'off', fallback: 'on',
    choices: ['on', 'off']
  },
  healthPort: {
    key: 'health.port', flags: '--health-port <n>', what: 'answer GET /health and /metrics on this port',
    takes: 'a port, from 0 to 65535', fits: isPort, parse: port, unset: 'none'
  },
  healthHost: {
    key: 'health.host', flags: '--health-host <address>', what: 'on this address', takes: 'an address', fits: isText, fallback: '127.0.0.1'
  },
  logLevel: {
    key: 'logLevel', flags: '--log-level <level>', what: 'what to log', takes: "'debug', 'info', 'warn' or 'error'",
    fits: (value) => logLevels.includes(value as string), fallback: 'info', choices: logLevels
  }
}

export const settingNames: readonly SettingName[] = Object.keys(settings) as SettingName[]

/** Of `--loop-concurrency`: `TREADLE_LOOP_CONCURRENCY`. */
export function variableOf({ flags }: Setting): string {
  return `TREADLE_${/--([a-z-]+)/.exec(flags)![1]!.replaceAll('-', '_').toUpperCase()}`
}

/** Has a command take settings, and the name of the file. */
export function addSettings(command: Command, ...names: readonly SettingName[]): Command {
  for (const name of names) {
    const setting = settings[name]
    const { flags, what, parse, fallback, unset, choices } = setting
    const option = new Option(flags, unset === undefined || unset === 'none' ? what : `${what} (default: ${unset})`).env(variableOf(setting))
    if (parse) option.argParser<ReturnType<typeof parse>>((text, before) => parse(text, before as string[] | undefined))
    if (choices) option.choices(choices)
    if (fallback !== undefined) option.default(fallback)
    command.addOption(option)
  }
  return command.addOption(new Option('-c, --config <file>', 'where settings are read from (default: treadle.config.ts, here or in a folder above)').env('TREADLE_CONFIG'))
}

/** An option that may be given several times: a list that swallowed what follows would swallow arguments. */
export function collected(value: string, before: string[] = []): string[] {
  return [...before, value]
}

/** So many, or so many more or fewer. */
export type Amount = number | { readonly by: number }

/** `4`, `+1` or `-1`. */
export function amountOf(text: string): Amount {
  const amount = Number(text)
  if (!/^[+-]?\d+$/.test(text) || amount === 0) throw new InvalidArgumentError('It takes a whole number, 1 or more, or a change such as +1 or -1.')
  return /^\d/.test(text) ? amount : { by: amount }
}

/** A value that must be one of several; an option may give some, one after another. */
export function oneOf(allowed: readonly string[]): (value: string, before?: string[]) => string[] {
  return (value, before) => {
    if (!allowed.includes(value)) throw new InvalidArgumentError(`It takes one of: ${allowed.join(', ')}.`)
    return collected(value, before)
  }
}

export function whole(text: string): number {
  if (!/^-?\d+$/.test(text)) throw new InvalidArgumentError('It takes a whole number.')
  return Number(text)
}

function amount(key: string, flags: string, what: string, unset: string): Setting {
  return { key, flags, what, unset, takes: 'a whole number, 1 or more', fits: (value) => Number.isInteger(value) && (value as number) >= 1, parse: whole }
}

function pool(key: string, flags: string, what: string, unset: string): Setting {
  return {
    key, flags, what, unset, takes: 'a whole number, 1 or more, or { min, max }', parse: poolOf,
    fits: (value) => {
      if (typeof value === 'number') return Number.isInteger(value) && value >= 1
      try {
        poolSize(key, value as PoolSize, 1)
        return typeof value === 'object' && value !== null
      } catch {
        return false
      }
    }
  }
}

/** `8`, or `1..8`. */
function poolOf(text: string): number | PoolSize {
  const [, min, max] = /^(\d+)\.\.(\d+)$/.exec(text) ?? []
  if (min === undefined || max === undefined) return whole(text)
  if (Number(max) < Math.max(1, Number(min))) throw new InvalidArgumentError('It takes a whole number, or two such as 1..8: the second is the most.')
  return { min: Number(min), max: Number(max) }
}

function yesOrNo(text: string): boolean {
  if (/^(yes|true|1)$/i.test(text)) return true
  if (/^(no|false|0)$/i.test(text)) return false
  throw new InvalidArgumentError('It takes yes or no.')
}

function time(key: string, what: string, fallback?: string): Setting {
  const held = fallback === undefined ? { unset: 'for ever' } : { fallback }
  return { key, flags: `--${key} <duration>`, what, ...held, takes: "milliseconds, or a duration such as '30s'", fits: isDuration, parse: duration }
}

/** A text that is a duration. Without a unit it is milliseconds. */
export function duration(text: string): Duration {
  const value = (/^\d+$/.test(text) ? Number(text) : text) as Duration
  if (!isDuration(value)) throw new InvalidArgumentError('It takes a number of milliseconds, or a duration such as 250ms, 30s, 5m, 1h or 7d.')
  return value
}

function size(text: string): ByteSize {
  const value = (/^\d+$/.test(text) ? Number(text) : text) as ByteSize
  if (!isByteSize(value)) throw new InvalidArgumentError('It takes a number of bytes, or a size such as 500mb or 2gb.')
  return value
}

function port(text: string): number {
  const value = whole(text)
  if (!isPort(value)) throw new InvalidArgumentError('It takes a port, from 0 to 65535.')
  return value
}

function isDuration(value: unknown): boolean {
  try {
    milliseconds(value as Duration)
    return true
  } catch (error) {
    if (error instanceof InvalidOptionError) return false
    throw error
  }
}

function isByteSize(value: unknown): boolean {
  try {
    byteSize(value as ByteSize)
    return true
  } catch (error) {
    if (error instanceof InvalidOptionError) return false
    throw error
  }
}

function isPort(value: unknown): boolean {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= 65_535
}

function isText(value: unknown): boolean {
  return typeof value === 'string' && value !== ''
}

function isWeights(value: unknown): boolean {
  const weights = typeof value === 'object' && value !== null && !Array.isArray(value) ? Object.values(value) : []
  return weights.length > 0 && weights.every((weight) => typeof weight === 'number' && weight > 0 && weight < Infinity)
}

function isTexts(value: unknown): boolean {
  return Array.isArray(value) && value.length > 0 && value.every(isText)
}
