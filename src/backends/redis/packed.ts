import type { Spent } from '../../jobs/job.ts'
import type { Place } from '../../tasks/task.ts'

// What cmsgpack packs in scripts, as it is read and written here: texts of whatever bytes, numbers, and false.

/** How an attempt succeeded, as it stands behind the rest in `moved` (see `standing` in job-lua.ts): the result, and what it spent. */
export function packedSuccess(result: Uint8Array, { wall, cpu }: Spent): Buffer {
  const { length } = result
  const head = length < 32 ? 1 : length < 2 ** 8 ? 2 : length < 2 ** 16 ? 3 : 5
  const bytes = Buffer.allocUnsafe(head + length + 18)
  if (head === 1) bytes[0] = 0xa0 | length
  else {
    bytes[0] = head === 2 ? 0xd9 : head === 3 ? 0xda : 0xdb
    bytes.writeUIntBE(length, 1, head - 1)
  }
  bytes.set(result, head)
  bytes[head + length] = 0xcb
  bytes.writeDoubleBE(wall, head + length + 1)
  bytes[head + length + 9] = 0xcb
  bytes.writeDoubleBE(cpu, head + length + 10)
  return bytes
}

/** Reads what jobs were born with (see `writeFixed` in publish-lua.ts), one after another: what a delivery needs of it. */
export class BornReader {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  /** The next. Its payload is a copy of its own: what the client gives is a view of all that arrived with it. */
  next(): { readonly task: string, readonly place: Place, readonly payload: Uint8Array } {
    this.#at++ // how many there are
    const task = this.#text()
    const place = this.#text() as Place
    for (let skipped = 0; skipped < 5; skipped++) this.#skip() // priority, when it was made, falls due and expires, tags
    const length = this.#length()!
    const payload = new Uint8Array(this.#bytes.subarray(this.#at, this.#at += length))
    return { task, place, payload }
  }

  #text(): string {
    const length = this.#length()!
    return this.#bytes.toString('utf8', this.#at, this.#at += length)
  }

  #skip(): void {
    const length = this.#length()
    if (length !== undefined) this.#at += length
  }

  /** Of the text that begins here; undefined, and what is here is passed over, where that is none. */
  #length(): number | undefined {
    const bytes = this.#bytes
    const byte = bytes[this.#at++]!
    if (byte >= 0xa0 && byte < 0xc0) return byte & 0x1f
    switch (byte) {
      case 0xd9: return bytes[this.#at++]
      case 0xda: return bytes.readUInt16BE((this.#at += 2) - 2)
      case 0xdb: return bytes.readUInt32BE((this.#at += 4) - 4)
      case 0xca: case 0xce: case 0xd2: this.#at += 4; break
      case 0xcb: case 0xcf: case 0xd3: this.#at += 8; break
      case 0xcc: case 0xd0: this.#at += 1; break
      case 0xcd: case 0xd1: this.#at += 2; break
      default: // small numbers and false are that one byte
    }
    return undefined
  }
}
