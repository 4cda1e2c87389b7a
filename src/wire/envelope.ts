import { MalformedMessageError } from '../kernel/errors.ts'
import { decode, encode } from './codec.ts'

/** What a call's message carries besides its arguments; what is absent is as the worker's own task has it. */
export interface EnvelopeHeader {
  /** Milliseconds that one attempt may take. */
  readonly timeout?: number
  readonly retry?: EnvelopeRetry
}

export interface EnvelopeRetry {
  readonly limit: number
  readonly initial: number
  readonly factor: number
  readonly max: number
  readonly jitter: 'full' | 'none'
}

/** What of a call's rules must travel: the ones that differ from the defaults. */
export function headerOf(rules: Required<EnvelopeHeader>, defaults: Required<EnvelopeHeader>): EnvelopeHeader {
  const { limit, initial, factor, max, jitter } = rules.retry
  return {
    ...(rules.timeout === defaults.timeout ? {} : { timeout: rules.timeout }),
    ...(rules.retry === defaults.retry ? {} : { retry: { limit, initial, factor, max, jitter } })
  }
}

/** The first byte of every payload. A reader refuses versions above its own. */
const version = 1

/**
 * A call as bytes: one byte of version, two of the header's length (big-endian), the header, the arguments; both in MessagePack.
 * The header stands apart so that a supervisor reads it without touching the arguments.
 *
 * @param args the encoded arguments
 */
export function sealEnvelope(header: EnvelopeHeader, args: Uint8Array): Uint8Array<ArrayBuffer> {
  const head = Object.keys(header).length > 0 ? encode(header) : new Uint8Array()
  const bytes = new Uint8Array(3 + head.length + args.length)
  bytes[0] = version
  bytes[1] = head.length >> 8
  bytes[2] = head.length & 0xff
  bytes.set(head, 3)
  bytes.set(args, 3 + head.length)
  return bytes
}

/** @throws MalformedMessageError where the bytes are no envelope, or one of a newer version */
export function openEnvelope(bytes: Uint8Array): { header: EnvelopeHeader, args: Uint8Array } {
  const length = ((bytes[1] ?? 0) << 8) | (bytes[2] ?? 0)
  if (bytes[0] !== version || bytes.length < 3 + length) throw new MalformedMessageError("A job's envelope")
  const header = length === 0 ? {} : decode(bytes.subarray(3, 3 + length))
  if (typeof header !== 'object' || header === null) throw new MalformedMessageError("A job's envelope")
  return { header, args: bytes.subarray(3 + length) }
}
