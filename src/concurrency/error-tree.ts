import { TaskGroupError } from './task-group-error.ts'

type ErrorClass<E> = abstract new (...args: never[]) => E
export type ErrorFilter<E = unknown> = ErrorClass<E> | ((error: unknown) => boolean)

/**
 * Takes a tree of errors, as a task group throws it, apart: what matches, and the rest, each as a tree of the same form. An AggregateError
 * is looked into, and so is what `using` makes of two errors (SuppressedError); anything else is a leaf.
 *
 * After Python's `ExceptionGroup.split` (PEP 654).
 *
 * @param filter a class, or a function that looks at a leaf
 * @returns undefined for a part in which there is nothing
 *
 * @example
 * const error = new AggregateError([new TypeError('one'), new RangeError('two')])
 * const [types, rest] = splitErrors(error, TypeError)
 * types?.errors.length   // 1
 * rest instanceof AggregateError   // true
 */
export function splitErrors<E>(error: unknown, filter: ErrorFilter<E>): [matched: ErrorTree | undefined, rest: unknown] {
  const matches = asPredicate(filter)
  const matched = keep(error, matches)
  return [matched === none ? undefined : asTree(matched), nothingToUndefined(keep(error, (leaf) => !matches(leaf)))]
}

/** The leaves of a tree of errors, in order. */
export function errorLeaves(error: unknown): Iterable<unknown> {
  return leavesOf(error, [])
}

/** @param above the trees that this one is a part of: one of them within itself is a leaf */
function* leavesOf(error: unknown, above: readonly unknown[]): Iterable<unknown> {
  const parts = above.includes(error) ? undefined : partsOf(error)
  if (!parts) return yield error
  for (const part of parts) yield* leavesOf(part, [...above, error])
}

/** A tree of errors: its leaves are what was thrown. */
export type ErrorTree = AggregateError

/** Stands for nothing: undefined may have been thrown. */
export const none: unique symbol = Symbol('none')

/** The tree without the leaves that do not pass; the same object where all do, `none` where none does. */
export function keep(error: unknown, passes: (leaf: unknown) => boolean, above: readonly unknown[] = []): unknown {
  const parts = above.includes(error) ? undefined : partsOf(error)
  if (!parts) return passes(error) ? error : none
  const kept = parts.map((part) => keep(part, passes, [...above, error]))
  if (kept.every((part, at) => part === parts[at])) return error
  const left = kept.filter((part) => part !== none)
  if (left.length === 0) return none
  return error instanceof AggregateError ? regrouped(error, left) : left.length === 1 ? left[0] : new AggregateError(left, (error as Error).message)
}

/** Undefined for a leaf; an AggregateError that gathers nothing is one. */
function partsOf(error: unknown): unknown[] | undefined {
  if (error instanceof AggregateError) return Array.isArray(error.errors) && error.errors.length > 0 ? error.errors as unknown[] : undefined
  return error instanceof SuppressedError ? [error.error, error.suppressed] : undefined
}

/** A smaller tree that tells the same story: where it was thrown, and why. */
function regrouped(error: AggregateError, errors: readonly unknown[]): AggregateError {
  const smaller = error instanceof TaskGroupError ? new TaskGroupError(errors) : new AggregateError(errors, error.message)
  if (error.stack !== undefined) Object.defineProperty(smaller, 'stack', { value: error.stack, configurable: true, writable: true })
  if (error.cause !== undefined) Object.defineProperty(smaller, 'cause', { value: error.cause, configurable: true, writable: true })
  return smaller
}

function asTree(error: unknown): ErrorTree {
  return error instanceof AggregateError ? error : new AggregateError([error])
}

function nothingToUndefined(kept: unknown): unknown {
  return kept === none ? undefined : kept
}

function asPredicate<E>(filter: ErrorFilter<E>): (error: unknown) => boolean {
  return isErrorClass(filter) ? (error) => error instanceof filter : filter
}

function isErrorClass<E>(filter: ErrorFilter<E>): filter is ErrorClass<E> {
  return filter === (Error as unknown) || (typeof filter.prototype === 'object' && (filter.prototype as unknown) instanceof Error)
}
