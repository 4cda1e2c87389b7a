/** Many byte arrays as one, so that a message carries a single buffer and moves it without a copy. */
export function pack(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  let length = 0
  for (const part of parts) length += part.length
  const packed = new Uint8Array(length)
  let offset = 0
  for (const part of parts) {
    packed.set(part, offset)
    offset += part.length
  }
  return packed
}

/** Gives the parts again, in order, by their lengths: views of the one buffer. */
export class Unpacker {
  readonly #packed: Uint8Array
  #offset = 0

  constructor(packed: Uint8Array = new Uint8Array()) {
    this.#packed = packed
  }

  take(length: number): Uint8Array {
    return this.#packed.subarray(this.#offset, this.#offset += length)
  }
}
