import { MalformedMessageError } from '../kernel/errors.ts'
import { Decoder } from './decoder.ts'
import { Encoder } from './encoder.ts'
import { refusal } from './uncloneable.ts'

const nothing = new Uint8Array()

/** Kept between messages; taken away while one is written, since a getter in it may write another. */
let idle: Encoder | undefined

/**
 * A value as bytes of its own: never a view of a larger buffer, so that they can be transferred. MessagePack, with the extensions of
 * `extensions.ts` for what that lacks.
 *
 * @param what the value, for the error: `The arguments of 'area'`
 * @param root what to call the value itself in the path
 * @param lead what stands before it
 * @throws UncloneableError where something in it cannot be sent, with its path
 */
export function encode(value: unknown, what = 'A value', root = 'value', lead: Uint8Array = nothing): Uint8Array<ArrayBuffer> {
  const encoder = idle ?? new Encoder()
  idle = undefined
  try {
    return encoder.encode(value, lead)
  } catch (error) {
    throw refusal(value, what, root, error)
  } finally {
    idle = encoder
  }
}

/** @throws MalformedMessageError where the bytes are not a message */
export function decode(bytes: Uint8Array): unknown {
  try {
    return new Decoder(bytes).decode()
  } catch (error) {
    throw new MalformedMessageError('A message', { cause: error })
  }
}
