/**
 * What MessagePack lacks, as its extension types. Each is a well-formed extension of known length, so that any reader of
 * MessagePack can pass over it.
 *
 * Objects are numbered as they begin, in the order of the bytes: arrays, maps, binaries and the extensions from `date` on.
 * `reference` names one that has begun before, so that what was one object stays one, and cycles end.
 */
export const extension = {
  undefined: 0,
  /** The number of an object, in four bytes. */
  reference: 1,
  /** UTF-16, little-endian: text that is not well-formed, which UTF-8 cannot hold. */
  utf16: 2,
  /** 0 or 1 for the sign, and the magnitude, big-endian. */
  bigint: 3,
  /** Milliseconds since the epoch, as a double; NaN for an invalid date. */
  date: 4,
  /** Source and flags. */
  regexp: 5,
  /** Keys and values in turn. */
  map: 6,
  set: 7,
  /** An array with holes or fields of its own: its length, then indices, or names, and values in turn. */
  sparse: 8,
  buffer: 9,
  /** One byte, the place in `views`, and the bytes that it shows. */
  view: 10,
  /** Whether it is one of Treadle's own, name, message, stack, then keys and values of its further properties in turn. */
  error: 11
} as const
