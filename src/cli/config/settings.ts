import { delimiter } from 'node:path'
import { type Command, InvalidArgumentError, Option } from 'commander'
import { type Duration, milliseconds } from '../../kernel/duration.ts'
import { InvalidOptionError } from '../../kernel/errors.ts'

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
  readonly parse?: (text: string, before: string[] | undefined) => string[] | string | number
  /** Between the entries of a list in a variable; a flag is given again instead. */
  readonly separator?: string
  readonly fallback?: string
  /** What holds where it is not set, for people. */
  readonly unset?: string
  readonly choices?: readonly string[]
}

export type SettingName =
  | 'broker' | 'payloads' | 'tasks' | 'queues' | 'threads' | 'loopConcurrency' | 'blocking' | 'processes' | 'memoryLimit'
  | 'lease' | 'drain' | 'keep' | 'schedules' | 'healthPort' | 'healthHost' | 'logLevel'

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
  threads: amount('threads', '--threads <n>', 'calls that compute at the same time', cores),
  loopConcurrency: amount('loopConcurrency', '--loop-concurrency <n>', 'calls that wait at the same time', '100'),
  blocking: amount('blocking', '--blocking <n>', 'calls that block while they wait, at the same time', '64'),
  processes: amount('processes', '--processes <n>', 'calls in child processes at the same time', cores),
  memoryLimit: amount('memoryLimit', '--memory-limit <bytes>', 'memory that a child process may hold', 'no limit'),
  lease: time('lease', 'how long the worker may be silent before its jobs go to others', '5s'),
  drain: time('drain', 'how long jobs under way may take to end after a signal', '30s'),
  keep: time('keep', 'how long jobs are kept that succeeded or were cancelled'),
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

export function whole(text: string): number {
  if (!/^-?\d+$/.test(text)) throw new InvalidArgumentError('It takes a whole number.')
  return Number(text)
}

function amount(key: string, flags: string, what: string, unset: string): Setting {
  return { key, flags, what, unset, takes: 'a whole number, 1 or more', fits: (value) => Number.isInteger(value) && (value as number) >= 1, parse: whole }
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
