import { TreadleError } from '../kernel/errors.ts'

/** An error as plain data: what of it crosses threads, processes and brokers. */
export interface PortableError {
  readonly name: string
  readonly message: string
  readonly stack?: string
  readonly code?: string | number
  /** One of Treadle's own: an `instanceof` its class again when it arrives. */
  readonly own?: true
  readonly cause?: unknown
  /** Of an AggregateError. */
  readonly errors?: readonly unknown[]
  /** The error's own further properties. */
  readonly fields?: Readonly<Record<string, unknown>>
}

/** Marks a nested error inside `cause`, `errors` and `fields`. */
export interface NestedError {
  readonly $error: PortableError
}

/** A value that would be taken for one of the marks, were it sent as it is. */
interface MarkedData {
  readonly $data: unknown
}

/** Causes of causes end here: a cycle, or a chain that nobody reads. */
const deepest = 8

/** So many errors within one are sent: one that is gathered again and again may stand for a million. */
const mostNested = 1_000

/** Classes that are built again by name. Any other error keeps its name on a plain Error: nothing that arrives names what is instantiated. */
const builtIn: Readonly<Record<string, ErrorConstructor>> = Object.assign(Object.create(null) as object, {
  Error, TypeError, RangeError, SyntaxError, ReferenceError, EvalError, URIError
})

const handled = new Set(['name', 'message', 'stack', 'code', 'cause', 'errors'])

/**
 * Takes anything that was thrown; what is no error becomes one that says so, with the value as its cause. Never throws, whatever the error's
 * own getters do: what cannot be read of it is left out.
 */
export function toPortable(thrown: unknown): PortableError {
  return new Reader().read(thrown, 0)
}

class Reader {
  #left = mostNested

  read(thrown: unknown, depth: number): PortableError {
    if (!isError(thrown)) {
      return { name: 'ThrownValueError', message: `A value that is not an Error was thrown: ${describe(thrown)}`, cause: this.#nested(thrown, depth) }
    }
    const [stack, code, cause, errors] = (['stack', 'code', 'cause', 'errors'] as const).map((key) => property(thrown, key))
    const fields = this.#fields(thrown, depth)
    return {
      name: safely(() => errorName(thrown), 'Error'),
      message: describe(property(thrown, 'message')),
      ...(typeof stack === 'string' ? { stack } : {}),
      ...(typeof code === 'string' || typeof code === 'number' ? { code } : {}),
      ...(safely(() => thrown instanceof TreadleError, false) ? { own: true } : {}),
      ...(cause === undefined || depth >= deepest ? {} : { cause: this.#nested(cause, depth) }),
      ...(safely(() => Array.isArray(errors), false) ? { errors: this.#gathered(errors as unknown[], depth) } : {}),
      ...(fields ? { fields } : {})
    }
  }

  #nested(value: unknown, depth: number): unknown {
    if (!isError(value)) return isMarked(value) ? { $data: value } satisfies MarkedData : value
    if (depth >= deepest || this.#left <= 0) return describe(value)
    this.#left--
    return { $error: this.read(value, depth + 1) } satisfies NestedError
  }

  /** Not by `map`: its length may be anything. */
  #gathered(errors: readonly unknown[], depth: number): unknown[] {
    const length = safely(() => errors.length, 0)
    const gathered: unknown[] = []
    for (let at = 0; at < length && at < mostNested; at++) gathered.push(this.#nested(property(errors, at), depth))
    if (length > mostNested) gathered.push(`[${length - mostNested} more]`)
    return gathered
  }

  #fields(error: Error, depth: number): Record<string, unknown> | undefined {
    const keys = safely(() => Object.keys(error), []).filter((key) => !handled.has(key))
    if (keys.length === 0) return undefined
    const fields: Record<string, unknown> = {}
    for (const key of keys) {
      // A getter that throws: the error must still arrive. Defined, not assigned: a field named __proto__ stays a field.
      const value = safely(() => ({ value: (error as unknown as Record<string, unknown>)[key] }), undefined)
      if (value) Object.defineProperty(fields, key, { value: this.#nested(value.value, depth), enumerable: true, writable: true, configurable: true })
    }
    return fields
  }
}

/** The error again: same name, message, stack, code, cause and fields; an `instanceof` the built-in class that it was. */
export function fromPortable(portable: PortableError, depth = 0): Error {
  const { name, message, stack, code, own, cause, errors, fields } = portable
  const error = newError(name, message, own === true, errors !== undefined)
  if (stack !== undefined) define(error, 'stack', stack)
  if (cause !== undefined) define(error, 'cause', revive(cause, depth))
  if (errors !== undefined) define(error, 'errors', errors.map((each) => revive(each, depth)))
  for (const [key, value] of Object.entries(fields ?? {})) define(error, key, revive(value, depth), true)
  if (code !== undefined) define(error, 'code', code, true)
  return error
}

/** An error of that name: an `instanceof` the built-in class, or Treadle's own, where it names one; else a plain Error. */
export function newError(name: string, message: string, own: boolean, gathers = false): Error {
  const error: Error = name === 'AggregateError' || gathers ? new AggregateError([], message) : new (builtIn[name] ?? Error)(message)
  define(error, 'name', name)
  if (own) TreadleError.brand(error)
  return error
}

/** The name of the error's class. */
export function errorName(error: Error): string {
  // A class that only inherits a built-in name still has one of its own in its constructor.
  return textOf(error.name in builtIn ? error.constructor?.name || error.name : error.name)
}

/** Nothing keeps a program from setting a name or message that is no text. */
export function textOf(value: unknown): string {
  return typeof value === 'string' ? value : String(value)
}

/** What an error holds beside its name, message and stack, as keys and values: its cause, gathered errors, code and own fields. */
export function* propertiesOf(error: Error): Iterable<[string, unknown]> {
  const own = error as Error & Record<string, unknown>
  for (const key of ['cause', 'errors']) if (Object.hasOwn(error, key)) yield [key, own[key]]
  const { code } = own
  // It may be a getter of the class.
  if ((typeof code === 'string' || typeof code === 'number') && !Object.prototype.propertyIsEnumerable.call(error, 'code')) yield ['code', code]
  for (const key of Object.keys(error)) if (key === 'code' || !handled.has(key)) yield [key, own[key]]
}

// Defined, not assigned: a field named __proto__ stays a field.
function define(error: Error, key: string, value: unknown, enumerable = false): void {
  Object.defineProperty(error, key, { value, enumerable, writable: true, configurable: true })
}

function revive(value: unknown, depth: number): unknown {
  if (isMarked(value) && Object.hasOwn(value, '$data')) return (value as unknown as MarkedData).$data
  return depth < deepest && isNested(value) ? fromPortable(value.$error, depth + 1) : value
}

/** Data that looks like it is one, whoever made it: nothing that reads it may trip over it. */
export function isNested(value: unknown): value is NestedError {
  if (!isMarked(value)) return false
  const inner = property(value, '$error')
  if (typeof inner !== 'object' || inner === null) return false
  const { name, message, stack, code, errors, fields } = inner as Record<keyof PortableError, unknown>
  return typeof name === 'string' && typeof message === 'string'
    && (stack === undefined || typeof stack === 'string') && (code === undefined || typeof code === 'string' || typeof code === 'number')
    && (errors === undefined || Array.isArray(errors)) && (fields === undefined || (typeof fields === 'object' && fields !== null))
}

function isMarked(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && safely(() => Object.hasOwn(value, '$error') || Object.hasOwn(value, '$data'), false)
}

/** Of a proxy that was revoked nobody can say what it is. */
function isError(value: unknown): value is Error {
  return safely(() => value instanceof Error, false)
}

function property(of: object, key: string | number): unknown {
  return safely(() => (of as Record<string | number, unknown>)[key], undefined)
}

function safely<T>(read: () => T, otherwise: T): T {
  try {
    return read()
  } catch {
    return otherwise
  }
}

function describe(thrown: unknown): string {
  return typeof thrown === 'string' ? thrown : safely(() => String(thrown), typeof thrown)
}
