/** Where bytes stand among all that a script is given: the first and the last, counted from 1. */
export type Range = readonly [from: number, to: number]

/** All bytes that a script is given, one after another: as one argument they travel several times faster than each as its own. */
export class Blob {
  readonly #parts: Uint8Array[] = []
  #length = 0

  add(bytes: Uint8Array): Range {
    const from = this.#length + 1
    this.#parts.push(bytes)
    this.#length += bytes.length
    return [from, this.#length]
  }

  get whole(): Buffer {
    return Buffer.concat(this.#parts, this.#length)
  }
}
