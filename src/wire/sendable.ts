import type { UncloneableError } from '../kernel/errors.ts'
import { fieldsOf } from './array-fields.ts'
import { encode } from './codec.ts'
import { deepest, kindOf } from './kinds.ts'
import { propertiesOf } from './portable-error.ts'
import { type CopyRules, isPlain, refusal } from './uncloneable.ts'

/**
 * Looks at a value before it goes to another thread or process as a structured clone. Undefined where the clone will be equal;
 * the value's bytes where it would not be, since errors lose their fields and a view brings all of the buffer beneath it.
 *
 * Beside shared memory, which no bytes can hold, the clone is sent all the same.
 *
 * @throws UncloneableError where something in the value cannot be sent, with its path
 */
export function packWhereNeeded(value: unknown, what: string, root: string, rules: CopyRules): Uint8Array<ArrayBuffer> | undefined {
  if (isPlain(value) || (Array.isArray(value) && value.every(isPlain) && fieldsOf(value).length === 0)) return undefined
  const survey = new Survey(rules)
  try {
    survey.look(value, 0)
  } catch (cause) {
    throw refusal(value, what, root, cause, rules)
  }
  return survey.packs && !survey.shared ? encode(value, what, root) : undefined
}

/** Walks through a value; throws where something in it cannot be sent. */
class Survey {
  /** Whether a clone would not be equal. */
  packs = false
  shared = false
  readonly #rules: CopyRules
  readonly #seen = new Set<object>()
  /** Those that a view has shown. */
  readonly #buffers = new Set<object>()

  constructor(rules: CopyRules) {
    this.#rules = rules
  }

  look(value: unknown, depth: number): void {
    if (isPlain(value)) return
    if (typeof value !== 'object' || value === null) throw new TypeError(`A ${typeof value} cannot be sent.`)
    if (this.#seen.has(value)) return
    this.#seen.add(value)
    if (depth > deepest) throw new RangeError('A structure this deep cannot be sent.')
    switch (kindOf(value)) {
      case 'object':
        for (const key of Object.keys(value)) this.look((value as Record<string, unknown>)[key], depth + 1)
        return
      case 'array':
        // Not each index up to the length, of which there may be far more than elements.
        ;(value as unknown[]).forEach((item) => this.look(item, depth + 1))
        for (const field of fieldsOf(value as unknown[])) this.look((value as Record<string, unknown>)[field], depth + 1)
        return
      case 'set':
        for (const item of value as Set<unknown>) this.look(item, depth + 1)
        return
      case 'map':
        for (const [key, item] of value as Map<unknown, unknown>) {
          this.look(key, depth + 1)
          this.look(item, depth + 1)
        }
        return
      case 'error':
        this.packs = true
        for (const [, item] of propertiesOf(value as Error)) this.look(item, depth + 1)
        return
      case 'view':
        return this.#lookAtView(value as ArrayBufferView)
      case 'buffer':
        return this.#lookAtBuffer(value)
      case 'shared':
        if (!this.#rules.shares) throw new TypeError('Shared memory cannot be sent.')
        this.shared = true
        return
      case 'refused':
        throw new TypeError('An object of this kind cannot be sent.')
    }
  }

  /** Bytes arrive as a view of a buffer of their own: so it must be here. */
  #lookAtView(view: ArrayBufferView): void {
    if (view.byteLength !== view.buffer.byteLength) this.packs = true
    this.#lookAtBuffer(view.buffer)
  }

  #lookAtBuffer(buffer: object): void {
    if (this.#buffers.has(buffer)) this.packs = true
    this.#buffers.add(buffer)
  }
}

/**
 * The error for a value that could not be cloned although it was looked at: a getter gave something else the second time. Undefined where
 * it can be after all.
 */
export function cloneFailure(value: unknown, what: string, root: string, rules: CopyRules): UncloneableError | undefined {
  try {
    structuredClone(value)
    return undefined
  } catch (cause) {
    return refusal(value, what, root, cause, rules)
  }
}
