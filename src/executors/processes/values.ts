import { types } from 'node:util'
import { Deserializer, Serializer } from 'node:v8'
import type { CopyRules } from '../../wire/uncloneable.ts'

/** A view's kind in messages is its place in this list. The last is there from Node 24 on. */
const views: readonly { new(buffer: ArrayBuffer): ArrayBufferView, readonly name: string }[] = [
  Int8Array, Uint8Array, Uint8ClampedArray, Int16Array, Uint16Array, Int32Array, Uint32Array,
  Float32Array, Float64Array, BigInt64Array, BigUint64Array, DataView,
  (globalThis as unknown as { Float16Array: { new(buffer: ArrayBuffer): ArrayBufferView, readonly name: string } }).Float16Array
]

/** By name: a view may come from another realm. */
const kinds = new Map(views.map((view, kind) => [view.name, kind]))

/**
 * Writes values as the structured clone algorithm has them, with two differences: a view of a buffer is written as the bytes
 * that it shows and no more, and shared memory is refused, since another process would not share it.
 */
class ValueWriter extends Serializer {
  /** Called by V8 for each view. */
  _writeHostObject(value: object): void {
    const kind = kinds.get((value as { [Symbol.toStringTag]: string })[Symbol.toStringTag])
    if (kind === undefined || !ArrayBuffer.isView(value) || types.isSharedArrayBuffer(value.buffer)) {
      throw new TypeError('An object of this kind cannot be sent to another process.')
    }
    this.writeUint32(kind)
    this.writeUint32(value.byteLength)
    this.writeRawBytes(new Uint8Array(value.buffer, value.byteOffset, value.byteLength))
  }
}

class ValueReader extends Deserializer {
  /** Called by V8 for each view. Its bytes become a buffer of their own: nothing else of the message can be seen through it. */
  _readHostObject(): ArrayBufferView {
    const View = views[this.readUint32()]!
    const bytes = new Uint8Array(this.readRawBytes(this.readUint32()))
    return new View(bytes.buffer)
  }
}

/** What must stand before a value, to be filled in by its sender. */
export const headerLength = 4

/** A value as bytes, after `headerLength` bytes of room. Throws where something in it cannot be sent. */
export function write(value: unknown): Buffer {
  const writer = new ValueWriter() as ValueWriter & { _setTreatArrayBufferViewsAsHostObjects(on: boolean): void }
  writer._setTreatArrayBufferViewsAsHostObjects(true)
  writer.writeRawBytes(new Uint8Array(headerLength))
  writer.writeHeader()
  writer.writeValue(value)
  return writer.releaseBuffer()
}

/** The value, from its bytes without the room before them. */
export function read(bytes: Uint8Array): unknown {
  const reader = new ValueReader(bytes)
  reader.readHeader()
  return reader.readValue()
}

/** What can be sent to another process. */
export const copying: CopyRules = {
  copy: (value) => write(value),
  refuses: (value) => types.isSharedArrayBuffer(value) || (ArrayBuffer.isView(value) && types.isSharedArrayBuffer(value.buffer))
}
