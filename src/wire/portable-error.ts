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

/** Causes of causes end here: a cycle, or a chain that nobody reads. */
const deepest = 8

/** Classes that are built again by name. Any other error keeps its name on a plain Error: nothing that arrives names what is instantiated. */
const builtIn: Readonly<Record<string, ErrorConstructor>> = Object.assign(Object.create(null) as object, {
  Error, TypeError, RangeError, SyntaxError, ReferenceError, EvalError, URIError
})

const handled = new Set(['name', 'message', 'stack', 'code', 'cause', 'errors'])

/** Takes anything that was thrown; what is no error becomes one that says so, with the value as its cause. */
export function toPortable(thrown: unknown, depth = 0): PortableError {
  if (!(thrown instanceof Error)) {
    return { name: 'ThrownValueError', message: `A value that is not an Error was thrown: ${describe(thrown)}`, cause: thrown }
  }
  const { message, stack, code, cause, errors } = thrown as Error & { code?: unknown, errors?: unknown }
  const name = errorName(thrown)
  const nest = (value: unknown): unknown =>
    value instanceof Error && depth < deepest ? { $error: toPortable(value, depth + 1) } satisfies NestedError : value
  const fields: Record<string, unknown> = {}
  for (const key of Object.keys(thrown)) {
    if (handled.has(key)) continue
    try {
      // Defined, not assigned: a field named __proto__ stays a field.
      Object.defineProperty(fields, key, { value: nest((thrown as unknown as Record<string, unknown>)[key]), enumerable: true, writable: true, configurable: true })
    } catch {
      // A getter that throws: the error must still arrive.
    }
  }
  return {
    name,
    message: describe(message),
    ...(typeof stack === 'string' ? { stack } : {}),
    ...(typeof code === 'string' || typeof code === 'number' ? { code } : {}),
    ...(thrown instanceof TreadleError ? { own: true } : {}),
    ...(cause === undefined || depth >= deepest ? {} : { cause: nest(cause) }),
    ...(Array.isArray(errors) ? { errors: errors.map(nest) } : {}),
    ...(Object.keys(fields).length > 0 ? { fields } : {})
  }
}

/** The error again: same name, message, stack, code, cause and fields; an `instanceof` the built-in class that it was. */
export function fromPortable(portable: PortableError, depth = 0): Error {
  const { name, message, stack, code, own, cause, errors, fields } = portable
  const error = newError(name, message, own === true)
  if (stack !== undefined) define(error, 'stack', stack)
  if (cause !== undefined) define(error, 'cause', revive(cause, depth))
  if (errors !== undefined) define(error, 'errors', errors.map((each) => revive(each, depth)))
  for (const [key, value] of Object.entries(fields ?? {})) define(error, key, revive(value, depth), true)
  if (code !== undefined) define(error, 'code', code, true)
  return error
}

/** An error of that name: an `instanceof` the built-in class, or Treadle's own, where it names one; else a plain Error. */
export function newError(name: string, message: string, own: boolean): Error {
  const error: Error = name === 'AggregateError' ? new AggregateError([], message) : new (builtIn[name] ?? Error)(message)
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
  return depth < deepest && isNested(value) ? fromPortable(value.$error, depth + 1) : value
}

/** Data that looks like it is one, whoever made it: nothing that reads it may trip over it. */
export function isNested(value: unknown): value is NestedError {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, '$error')) return false
  const inner = (value as { $error: unknown }).$error
  if (typeof inner !== 'object' || inner === null) return false
  const { name, message, stack, code, errors, fields } = inner as Record<keyof PortableError, unknown>
  return typeof name === 'string' && typeof message === 'string'
    && (stack === undefined || typeof stack === 'string') && (code === undefined || typeof code === 'string' || typeof code === 'number')
    && (errors === undefined || Array.isArray(errors)) && (fields === undefined || (typeof fields === 'object' && fields !== null))
}

function describe(thrown: unknown): string {
  try {
    return typeof thrown === 'string' ? thrown : String(thrown)
  } catch {
    return typeof thrown
  }
}
