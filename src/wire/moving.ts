import { types } from 'node:util'
// As a whole: an older Node, which is to be told so, lacks what is used of it.
import * as threads from 'node:worker_threads'
import { InvalidOptionError } from '../kernel/errors.ts'
import { sharedByCopies } from '../kernel/shared-by-copies.ts'

/** What is to be moved, by the value that was given to `move`. */
const marked = sharedByCopies('moving.1', () => ({ any: false, buffers: new WeakMap<object, readonly ArrayBuffer[]>() }))

/**
 * Has memory moved and not copied, the next time that `value` is an argument or the result of a call on a thread: afterwards it is empty here. A
 * megabyte takes as long as a byte. Everything else that `value` holds is copied, as ever. On the loop it is passed as it is; a child process gets a copy.
 *
 * A call that was given something to move is not taken back from its thread: where that dies before it began, it rejects, since what
 * it was given is gone.
 *
 * @param value a typed array, a DataView or an ArrayBuffer, or a list or plain object of such
 * @returns the value itself
 * @throws InvalidOptionError where there is nothing to move, such as for shared memory and small Buffers, which share Node's pool
 *
 * @example
 * const numbers = new Float64Array(1_000_000)
 * await here.run(lengthOf, move(numbers))   // 1000000
 * numbers.length                            // 0
 */
export function move<T extends object>(value: T): T {
  const buffers = new Set<ArrayBuffer>()
  for (const each of isMemory(value) ? [value] : Object.values(value)) {
    const buffer: unknown = ArrayBuffer.isView(each) ? each.buffer : each
    // Node's own pool, of which small Buffers are parts, stays where it is.
    if (types.isArrayBuffer(buffer) && !threads.isMarkedAsUntransferable(buffer)) buffers.add(buffer)
  }
  if (buffers.size === 0) throw new InvalidOptionError('value', value, 'a typed array, a DataView or an ArrayBuffer that can be moved (neither shared memory, nor a small Buffer), or a list or plain object of such')
  marked.any = true
  marked.buffers.set(value, [...buffers])
  return value
}

/** What of these values is to be moved, now: they are sent. Undefined where nothing is. */
export function takeMoved(values: readonly unknown[]): readonly ArrayBuffer[] | undefined {
  if (!marked.any) return undefined
  let moved: ArrayBuffer[] | undefined
  for (const value of values) {
    if (typeof value !== 'object' || value === null) continue
    const buffers = marked.buffers.get(value)
    if (!buffers) continue
    marked.buffers.delete(value)
    for (const buffer of buffers) if (!buffer.detached && !moved?.includes(buffer)) (moved ??= []).push(buffer)
  }
  return moved
}

type TypedArray = Int8Array | Uint8Array | Uint8ClampedArray | Int16Array | Uint16Array | Int32Array | Uint32Array | Float32Array | Float64Array | BigInt64Array | BigUint64Array

/**
 * The same numbers in memory that threads share: passed to calls, it is not copied, and all see what any writes. What is shared already is given
 * as it is. Child processes share no memory: they refuse it.
 *
 * @example
 * const cells = share(new Int32Array([1, 2, 3]))
 * cells.buffer instanceof SharedArrayBuffer   // true
 */
export function share<T extends TypedArray>(values: T): T {
  if (types.isSharedArrayBuffer(values.buffer)) return values
  const Kind = values.constructor as new (memory: SharedArrayBuffer) => T
  const shared = new Kind(new SharedArrayBuffer(values.byteLength))
  shared.set(values as never)
  return shared
}

function isMemory(value: object): boolean {
  return ArrayBuffer.isView(value) || types.isAnyArrayBuffer(value)
}
