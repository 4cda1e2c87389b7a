import { types } from 'node:util'

/** What an object is to those that send it. */
export type Kind = 'object' | 'array' | 'map' | 'set' | 'date' | 'regexp' | 'error' | 'view' | 'buffer' | 'shared' | 'refused'

/** Deeper than this nothing is sent: whoever walks a structure may recurse, and no message exhausts a reader's stack. */
export const deepest = 1_000

interface View {
  new(buffer: ArrayBuffer): ArrayBufferView
  readonly name: string
}

/** A view's number in messages is its place in this list: new ones are added at its end. */
export const views: readonly View[] = [
  Int8Array, Uint8Array, Uint8ClampedArray, Int16Array, Uint16Array, Int32Array, Uint32Array,
  Float32Array, Float64Array, BigInt64Array, BigUint64Array, DataView,
  (globalThis as unknown as { Float16Array: View }).Float16Array
]

/** Some flags of Node leave it out. */
const wasm = (globalThis as unknown as { WebAssembly?: { readonly Memory: new() => { readonly buffer: object } } }).WebAssembly

/** By name: a view may come from another realm. */
const numbers = new Map(views.map((view, number) => [view.name, number]))

/** A Buffer counts as the Uint8Array that it is. */
export function viewNumber(view: ArrayBufferView): number {
  return numbers.get((view as ArrayBufferView & { [Symbol.toStringTag]: string })[Symbol.toStringTag])!
}

/**
 * The one rule of what can be sent, for every place: the data of the language itself. What has a class of its own would arrive
 * without it, and what belongs to this process (a promise, a port, a handle) would not arrive at all: both are refused.
 */
export function kindOf(value: object): Kind {
  const prototype = Object.getPrototypeOf(value) as object | null
  if (types.isProxy(value)) return 'refused'
  // Of plain objects only `arguments` has an iterator of its own.
  if (prototype === Object.prototype) return Symbol.iterator in value && types.isArgumentsObject(value) ? 'refused' : 'object'
  if (prototype === Array.prototype) return 'array'
  if (prototype === null) return types.isModuleNamespaceObject(value) || types.isExternal(value) ? 'refused' : 'object'
  if (ArrayBuffer.isView(value)) return kindOfMemory(value.buffer, 'view')
  if (types.isAnyArrayBuffer(value)) return kindOfMemory(value, 'buffer')
  if (types.isNativeError(value) || value instanceof Error) return 'error'
  const kind = builtIn(value)
  const base = Object.getPrototypeOf(prototype) as object | null
  // Of another realm, such as a vm context, where that is not the one above.
  if (kind === undefined) return base === null ? 'object' : isSharedMemory(value) ? 'shared' : 'refused'
  return base !== null && Object.getPrototypeOf(base) === null ? kind : 'refused'
}

function builtIn(value: object): Kind | undefined {
  if (Array.isArray(value)) return 'array'
  if (types.isMap(value)) return 'map'
  if (types.isSet(value)) return 'set'
  if (types.isDate(value)) return 'date'
  return types.isRegExp(value) ? 'regexp' : undefined
}

/** A memory of WebAssembly that is made to be shared. */
function isSharedMemory(value: object): boolean {
  if (!wasm || !(value instanceof wasm.Memory)) return false
  try {
    return types.isSharedArrayBuffer(value.buffer)
  } catch {
    return false // it is none, whatever its prototype says
  }
}

function kindOfMemory(buffer: ArrayBufferLike, kind: 'view' | 'buffer'): Kind {
  if (types.isSharedArrayBuffer(buffer)) return 'shared'
  return buffer.detached || buffer.resizable ? 'refused' : kind
}
