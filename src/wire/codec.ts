import { Packr } from 'msgpackr'
import { MalformedMessageError } from '../kernel/errors.ts'

/**
 * MessagePack with its extensions for what JSON lacks: Date, Map, Set, BigInt, undefined, typed arrays, errors, cycles.
 * Plain objects are written as records, whose keys stand in the message itself: so they differ from Maps, and each message is readable alone.
 */
const packr = new Packr({ structuredClone: true, moreTypes: true, mapsAsObjects: false })

/** A value as bytes of its own: never a view of a larger buffer, so that they can be transferred. */
export function encode(value: unknown): Uint8Array<ArrayBuffer> {
  return Uint8Array.prototype.slice.call(packr.pack(value))
}

/** @throws MalformedMessageError where the bytes are not a message */
export function decode(bytes: Uint8Array): unknown {
  try {
    return packr.unpack(bytes)
  } catch (error) {
    throw new MalformedMessageError('A message', { cause: error })
  }
}
