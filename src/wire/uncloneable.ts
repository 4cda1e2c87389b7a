import { inspect, types } from 'node:util'
import { UncloneableError } from '../kernel/errors.ts'
import { writtenStep } from '../kernel/path.ts'
import type { PortableError } from './portable-error.ts'

/** A value that cannot be sent, and where it is: `args[0].callback`. */
export interface Uncloneable {
  readonly path: string
  readonly value: unknown
}

/** What a way of sending takes. */
export interface CopyRules {
  /** Throws where the value, or something in it, cannot be sent. */
  copy(value: unknown): unknown
  /** Whether this object is refused beside those that no way takes. */
  refuses(value: object): boolean
}

/** The structured clone algorithm, as between threads. */
export const cloning: CopyRules = { copy: (value) => structuredClone(value), refuses: () => false }

/** A value on the way through a structure, with what leads to it: the path is written only where it is needed. */
interface Place {
  readonly value: unknown
  readonly parent: Place | undefined
  readonly step: string | number
}

/**
 * The first value that the structured clone algorithm refuses: a function, a symbol, a promise, a WeakMap and the like.
 * Each object is looked at once, so cycles end.
 *
 * @param root what to call the value itself in the path
 *
 * @example
 * findUncloneable([{ callback() {} }], 'args')?.path   // 'args[0].callback'
 */
export function findUncloneable(value: unknown, root: string, rules: CopyRules = cloning): Uncloneable | undefined {
  if (isPlain(value)) return undefined
  const seen = new Set<unknown>()
  const stack: Place[] = [{ value, parent: undefined, step: root }]
  for (let place = stack.pop(); place; place = stack.pop()) {
    if (isRefused(place.value) || rules.refuses(place.value as object)) return { path: written(place), value: place.value }
    if (seen.has(place.value)) continue
    seen.add(place.value)
    const inside: Place[] = []
    for (const [step, part] of parts(place.value as object)) if (!isPlain(part)) inside.push({ value: part, parent: place, step })
    // Backwards, so that the first is looked at first.
    for (let index = inside.length - 1; index >= 0; index--) stack.push(inside[index]!)
  }
  return undefined
}

/**
 * @param what the value, for the error: `The arguments of 'area'`
 * @param root what to call the value itself in the path
 * @throws UncloneableError where something in `value` cannot be sent
 */
export function refuseUncloneable(value: unknown, what: string, root: string): void {
  const found = findUncloneable(value, root)
  if (found) throw new UncloneableError(what, found.path, found.value)
}

/** The error for a value that could not be cloned, whatever the reason; undefined where it can be after all. */
export function cloneFailure(value: unknown, what: string, root: string, rules: CopyRules = cloning): UncloneableError | undefined {
  try {
    rules.copy(value)
    return undefined
  } catch (cause) {
    const found = findSafely(value, root, rules) ?? { path: root, value }
    return new UncloneableError(what, found.path, found.value, { cause: cause instanceof Error ? new Error(cause.message) : cause })
  }
}

/** The same error, with what cannot be cloned of it replaced by its text. */
export function cloneableError(error: PortableError, rules: CopyRules = cloning): PortableError {
  if (error.cause === undefined && error.errors === undefined && error.fields === undefined) return error
  if (isCloneable(error, rules)) return error
  const fields = error.fields && cloneableFields(error.fields, rules)
  return {
    ...error,
    ...(error.cause === undefined ? {} : { cause: cloneable(error.cause, rules) }),
    ...(error.errors === undefined ? {} : { errors: error.errors.map((value) => cloneable(value, rules)) }),
    ...(fields === undefined ? {} : { fields })
  }
}

/** The same fields, with what cannot be cloned replaced by its text. */
export function cloneableFields(fields: Readonly<Record<string, unknown>>, rules: CopyRules = cloning): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).map(([key, value]) => [key, isPlain(value) ? value : cloneable(value, rules)]))
}

function cloneable(value: unknown, rules: CopyRules): unknown {
  if (typeof value === 'object' && value !== null && '$error' in value) return { $error: cloneableError(value.$error as PortableError, rules) }
  return isCloneable(value, rules) ? value : inspect(value, { depth: 1 })
}

function isCloneable(value: unknown, rules: CopyRules): boolean {
  try {
    rules.copy(value)
    return true
  } catch {
    return false
  }
}

function findSafely(value: unknown, root: string, rules: CopyRules): Uncloneable | undefined {
  try {
    return findUncloneable(value, root, rules)
  } catch {
    return undefined // a getter threw, which is why it could not be cloned
  }
}

/** Cannot be refused and holds nothing: the bulk of what is sent. */
function isPlain(value: unknown): boolean {
  switch (typeof value) {
    case 'object':
      return value === null
    case 'function':
    case 'symbol':
      return false
    default:
      return true
  }
}

function isRefused(value: unknown): boolean {
  return typeof value !== 'object' || types.isPromise(value) || types.isProxy(value) || types.isWeakMap(value)
    || types.isWeakSet(value) || types.isGeneratorObject(value) || value instanceof WeakRef || types.isExternal(value)
}

function* parts(value: object): Iterable<[string | number, unknown]> {
  if (Array.isArray(value)) {
    yield* value.entries()
  } else if (value instanceof Map) {
    let index = 0
    for (const [key, item] of value) {
      yield [`(key ${index++})`, key]
      yield [`(${inspect(key, { depth: 0, breakLength: Infinity, maxStringLength: 40 })})`, item]
    }
  } else if (value instanceof Set) {
    let index = 0
    for (const item of value) yield [`(${index++})`, item]
  } else if (value instanceof Error) {
    yield ['cause', value.cause]
  } else if (!ArrayBuffer.isView(value) && !types.isAnyArrayBuffer(value) && !types.isDate(value) && !types.isRegExp(value) && !types.isBoxedPrimitive(value)) {
    yield* Object.entries(value)
  }
}

/** A path that is longer than this is cut in front: the error is to be read. */
const longestPath = 400

function written(place: Place): string {
  let path = ''
  for (let at: Place | undefined = place; at; at = at.parent) {
    path = at.parent && !isWritten(at.step) ? writtenStep(at.step) + path : at.step + path
    if (path.length > longestPath) return `…${path}`
  }
  return path
}

/** A place in a Map or a Set, which `parts` has written. */
function isWritten(step: string | number): boolean {
  return typeof step === 'string' && step.startsWith('(')
}
