import { types } from 'node:util'
import { Deserializer, Serializer } from 'node:v8'
import { viewNumber, views } from './kinds.ts'

/**
 * Writes values as the structured clone algorithm has them, with two differences: a view of a buffer is written as the bytes
 * that it shows and no more, and shared memory is refused, since another process would not share it.
 */
class ValueWriter extends Serializer {
  /** Called by V8 for each view. */
  _writeHostObject(value: object): void {
    if (!ArrayBuffer.isView(value) || types.isSharedArrayBuffer(value.buffer)) {
      throw new TypeError('An object of this kind cannot be sent to another process.')
    }
    this.writeUint32(viewNumber(value))
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
