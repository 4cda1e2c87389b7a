import { inspect } from 'node:util'
import { UncloneableError } from '../kernel/errors.ts'
import { writtenStep } from '../kernel/path.ts'
import { fieldsOf } from './array-fields.ts'
import { deepest, kindOf } from './kinds.ts'
import { type PortableError, isNested, propertiesOf } from './portable-error.ts'

/** A value that cannot be sent, and where it is: `args[0].callback`. */
export interface Uncloneable {
  readonly path: string
  readonly value: unknown
  /** What it is, where the value itself does not show it. */
  readonly is?: string
}

/** What a way of sending takes beside what all do. */
export interface CopyRules {
  /** Whether memory that is shared stays so. */
  readonly shares: boolean
}

/** Between threads. */
export const cloning: CopyRules = { shares: true }

/** Between processes, and through brokers. */
export const copying: CopyRules = { shares: false }

/** A value on the way through a structure, with what leads to it: the path is written only where it is needed. */
interface Place {
  readonly value: unknown
  readonly parent: Place | undefined
  readonly step: string | number
  readonly depth: number
}

/** Stands for a property whose getter throws. */
class Unreadable {
  readonly error: unknown
  constructor(error: unknown) {
    this.error = error
  }
}

/**
 * The first value that cannot be sent: a function, a symbol, an instance of a class, a promise and the like; see `kindOf`.
 * Each object is looked at once, so cycles end.
 *
 * @param root what to call the value itself in the path
 *
 * @example
 * findUncloneable([{ callback() {} }], 'args')?.path   // 'args[0].callback'
 */
export function findUncloneable(value: unknown, root: string, rules: CopyRules = copying): Uncloneable | undefined {
  if (isPlain(value)) return undefined
  const seen = new Set<unknown>()
  const stack: Place[] = [{ value, parent: undefined, step: root, depth: 0 }]
  for (let place = stack.pop(); place; place = stack.pop()) {
    if (seen.has(place.value)) continue
    seen.add(place.value)
    const found = refused(place, rules)
    if (found) return { path: written(place), ...found }
    const inside: Place[] = []
    for (const [step, part] of parts(place.value as object)) if (!isPlain(part)) inside.push({ value: part, parent: place, step, depth: place.depth + 1 })
    // Backwards, so that the first is looked at first.
    for (let index = inside.length - 1; index >= 0; index--) stack.push(inside[index]!)
  }
  return undefined
}

/** The error for a value that could not be sent, with the path of the culprit. */
export function refusal(value: unknown, what: string, root: string, cause: unknown, rules: CopyRules = copying): UncloneableError {
  const found = findUncloneable(value, root, rules) ?? { path: root, value }
  return new UncloneableError(what, found.path, found.value, { ...('is' in found ? { is: found.is } : {}), cause: cause instanceof Error ? new Error(cause.message) : cause })
}

/** The same error, with what cannot be cloned of it replaced by its text. */
export function cloneableError(error: PortableError): PortableError {
  if (error.cause === undefined && error.errors === undefined && error.fields === undefined) return error
  if (isCloneable(error)) return error
  const fields = error.fields && cloneableFields(error.fields)
  return {
    ...error,
    ...(error.cause === undefined ? {} : { cause: cloneable(error.cause) }),
    ...(error.errors === undefined ? {} : { errors: error.errors.map((value) => cloneable(value)) }),
    ...(fields === undefined ? {} : { fields })
  }
}

/** The same fields, with what cannot be cloned replaced by its text. */
export function cloneableFields(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).map(([key, value]) => [key, isPlain(value) ? value : cloneable(value)]))
}

function cloneable(value: unknown): unknown {
  if (isNested(value)) return { $error: cloneableError(value.$error) }
  return isCloneable(value) ? value : textOf(value)
}

/** A proxy, or a getter of a class, may make of that whatever it likes. */
function textOf(value: unknown): string {
  try {
    return inspect(value, { depth: 1 })
  } catch {
    return `[${typeof value}]`
  }
}

function isCloneable(value: unknown): boolean {
  try {
    return findUncloneable(value, '') === undefined
  } catch {
    return false
  }
}

/** Cannot be refused and holds nothing: the bulk of what is sent. */
export function isPlain(value: unknown): boolean {
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

function refused({ value, depth }: Place, { shares }: CopyRules): Omit<Uncloneable, 'path'> | undefined {
  if (value instanceof Unreadable) return { value: value.error, is: `a getter that throws ${inspect(value.error, { depth: -1 })}` }
  if (typeof value !== 'object' || value === null) return { value }
  const kind = kindOf(value)
  if (kind === 'refused' || (kind === 'shared' && !shares)) return { value }
  return depth > deepest ? { value, is: `nested more than ${deepest} levels deep` } : undefined
}

function* parts(value: object): Iterable<[string | number, unknown]> {
  switch (kindOf(value)) {
    case 'array':
      for (const [index, item] of (value as unknown[]).entries()) yield [index, item]
      for (const field of fieldsOf(value as unknown[])) yield [field, readOf(value as Record<string, unknown>, field)]
      break
    case 'map': {
      let index = 0
      for (const [key, item] of value as Map<unknown, unknown>) {
        yield [`(key ${index++})`, key]
        yield [`(${inspect(key, { depth: 0, breakLength: Infinity, maxStringLength: 40 })})`, item]
      }
      break
    }
    case 'set': {
      let index = 0
      for (const item of value as Set<unknown>) yield [`(${index++})`, item]
      break
    }
    case 'error':
      try {
        yield* propertiesOf(value as Error)
      } catch (error) {
        yield ['(a field)', new Unreadable(error)]
      }
      break
    case 'object':
      for (const key of Object.keys(value)) yield [key, readOf(value as Record<string, unknown>, key)]
  }
}

function readOf(value: Record<string, unknown>, key: string): unknown {
  try {
    return value[key]
  } catch (error) {
    return new Unreadable(error)
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
