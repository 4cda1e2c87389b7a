import { InvalidOptionError, MalformedMessageError } from '../kernel/errors.ts'
import { lengthBehind } from './claim-check.ts'
import { decode, encode } from './codec.ts'

/** What a call's message carries besides its arguments; what is absent is as the worker's own task has it. */
export interface EnvelopeHeader {
  /** The version of the task that the arguments are of; absent for the first. */
  readonly version?: number
  /** Milliseconds that one attempt may take. */
  readonly timeout?: number
  /** Milliseconds after which its signal aborts. */
  readonly softTimeout?: number
  readonly retry?: EnvelopeRetry
  /** Nothing is kept of its result; false where the task says otherwise. */
  readonly ignoreResult?: boolean
  /** Another job's end published it. */
  readonly linked?: true
}

export interface EnvelopeRetry {
  readonly limit: number
  readonly initial: number
  readonly factor: number
  readonly max: number
  readonly jitter: 'full' | 'none'
  /** Names and codes of errors; functions do not travel. */
  readonly on?: readonly string[]
  readonly giveUpOn?: readonly string[]
}

function isHeader(value: unknown): value is EnvelopeHeader {
  if (typeof value !== 'object' || value === null || value instanceof Map) return false
  const { version, timeout, softTimeout, retry, ignoreResult, linked } = value as Record<keyof EnvelopeHeader, unknown>
  const isFlag = (flag: unknown): boolean => flag === undefined || typeof flag === 'boolean'
  return (version === undefined || isVersion(version)) && (timeout === undefined || isAmount(timeout)) && (softTimeout === undefined || isAmount(softTimeout)) && isFlag(ignoreResult) && isFlag(linked) && (retry === undefined || isRetry(retry))
}

function isRetry(value: unknown): value is EnvelopeRetry {
  if (typeof value !== 'object' || value === null) return false
  const { limit, initial, factor, max, jitter, on, giveUpOn } = value as Record<keyof EnvelopeRetry, unknown>
  const areNames = (names: unknown): boolean => names === undefined || (Array.isArray(names) && names.every((name) => typeof name === 'string'))
  return [limit, initial, factor, max].every(isAmount) && (jitter === 'full' || jitter === 'none') && areNames(on) && areNames(giveUpOn)
}

function isVersion(value: unknown): boolean {
  return Number.isInteger(value) && (value as number) >= 1
}

function isAmount(value: unknown): boolean {
  return typeof value === 'number' && value >= 0
}

/** The rules of a call, as far as they may travel. */
export interface TravellingRules {
  readonly timeout: number
  readonly softTimeout: number
  readonly ignoreResult: boolean
  readonly retry: Omit<EnvelopeRetry, 'on' | 'giveUpOn'> & { readonly on: readonly unknown[] | undefined, readonly giveUpOn: readonly unknown[] }
}

/**
 * What of a call's rules must travel: those that differ from the task's own, which the worker knows.
 *
 * @param version the task's
 * @throws InvalidOptionError where a function is among the errors of a changed retry rule
 */
export function headerOf(rules: TravellingRules, own: TravellingRules, version = 1): EnvelopeHeader {
  const { limit, initial, factor, max, jitter, on, giveUpOn } = rules.retry
  const names = (option: string, errors: readonly unknown[]): string[] => errors.map((error) => {
    if (typeof error !== 'string') throw new InvalidOptionError(`retry.${option} of one call`, error, 'names and codes of errors; functions belong to task()')
    return error
  })
  return {
    ...(version === 1 ? {} : { version }),
    ...(rules.timeout === own.timeout ? {} : { timeout: rules.timeout }),
    ...(rules.softTimeout === own.softTimeout ? {} : { softTimeout: rules.softTimeout }),
    ...(rules.ignoreResult === own.ignoreResult ? {} : { ignoreResult: rules.ignoreResult }),
    ...(rules.retry === own.retry
      ? {}
      : { retry: { limit, initial, factor, max, jitter, ...(on === undefined ? {} : { on: names('on', on) }), giveUpOn: names('giveUpOn', giveUpOn) } })
  }
}

/** The first byte of every payload. A reader refuses versions above its own. */
const formVersion = 1

/**
 * A call as bytes: one byte of version, two of the header's length (big-endian), the header, the arguments; both in MessagePack.
 * The header stands apart so that a supervisor reads it without touching the arguments.
 *
 * @param args the encoded arguments
 */
export function sealEnvelope(header: EnvelopeHeader, args: Uint8Array): Uint8Array<ArrayBuffer> {
  const lead = leadOf(header)
  const bytes = new Uint8Array(lead.length + args.length)
  bytes.set(lead)
  bytes.set(args, lead.length)
  return bytes
}

const leadOfNone = Uint8Array.of(formVersion, 0, 0)

/** What stands before the arguments: for who encodes them right behind it. */
export function leadOf(header: EnvelopeHeader): Uint8Array {
  if (Object.keys(header).length === 0) return leadOfNone
  const head = encode(header)
  const lead = new Uint8Array(3 + head.length)
  lead.set([formVersion, head.length >> 8, head.length & 0xff])
  lead.set(head, 3)
  return lead
}

/** @throws MalformedMessageError where the bytes are no envelope, or one of a newer version */
export function openEnvelope(bytes: Uint8Array): { header: EnvelopeHeader, args: Uint8Array } {
  const length = ((bytes[1] ?? 0) << 8) | (bytes[2] ?? 0)
  if (bytes[0] !== formVersion || bytes.length < 3 + length) throw new MalformedMessageError("A job's envelope")
  const header = length === 0 ? {} : decode(bytes.subarray(3, 3 + length))
  if (!isHeader(header)) throw new MalformedMessageError("A job's envelope")
  return { header, args: bytes.subarray(3 + length) }
}

/** How long the arguments are to which an envelope only refers, in bytes; 0 where it holds them, or is no envelope. */
export function argsBehind(bytes: Uint8Array): number {
  return bytes[0] === formVersion ? lengthBehind(bytes.subarray(3 + (((bytes[1] ?? 0) << 8) | (bytes[2] ?? 0)))) : 0
}
