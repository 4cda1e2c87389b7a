import { AsyncLocalStorage } from 'node:async_hooks'
import { InvalidOptionError, ResourceError, ResourceNotOpenError } from '../kernel/errors.ts'
import { checkOptions } from '../kernel/options.ts'
import { openedHere, runOutside } from './context.ts'

export interface ResourceOptions<T> {
  /** For errors and logs. */
  name: string
  /** Makes it. Called once in each thread, process or loop whose tasks need it, before the first of their calls. */
  open: () => T | Promise<T>
  /** Ends it. Called when its thread, process or executor closes. */
  close?: (value: T) => unknown
}

/** Something that tasks share and that is opened once: a database pool, a client, a model in memory. */
export interface Resource<T> {
  readonly name: string
  /**
   * What was opened, in a call whose task has it among its `resources`.
   *
   * @throws ResourceNotOpenError elsewhere
   */
  current(): T
  /** Calls `fn`, which finds `value` in place of what would be opened: for tests. */
  with<Result>(value: T, fn: () => Result): Result
}

/** What stands in for resources in a test. */
const standIns = new AsyncLocalStorage<ReadonlyMap<object, unknown>>()

/**
 * Describes something that tasks need opened: nothing happens before a call needs it.
 *
 * It is opened once in each thread or process, however many calls there are, and closed when that is retired or the worker drains, as
 * far as that takes less than a second. One that is killed, by a timeout or by its own doing, closes nothing. Where it cannot be
 * opened, the calls that need it fail with a ResourceError, which `retry` applies to, and the next one tries again.
 *
 * @example
 * export const db = resource({ name: 'db', open: async () => new Map([[7, 'Ada']]), close: (map) => map.clear() })
 * export const nameOf = task({ name: 'nameOf', resources: [db] }, async (id: number) => db.current().get(id))
 * await db.with(new Map([[1, 'Bob']]), () => nameOf(1))   // 'Bob'
 */
export function resource<T>(options: ResourceOptions<T>): Resource<T> {
  const { name, open, close } = checkOptions('resource()', options, { name: true, open: true, close: true })
  if (typeof name !== 'string' || name === '') throw new InvalidOptionError('resource(): name', name, 'a text that is not empty')
  if (typeof open !== 'function') throw new InvalidOptionError('resource(): open', open, 'a function')
  if (close !== undefined && typeof close !== 'function') throw new InvalidOptionError('resource(): close', close, 'a function')
  return new DescribedResource(options)
}

/** The same in every copy of this package that a program holds. */
const described = Symbol.for('treadle.resource')

class DescribedResource<T> implements Resource<T> {
  readonly [described]: ResourceOptions<T>

  constructor(options: ResourceOptions<T>) {
    this[described] = options
  }

  get name(): string {
    return this[described].name
  }

  current(): T {
    const values = standIns.getStore()
    if (values?.has(this)) return values.get(this) as T
    const opened = openedHere(this)
    if (!opened) throw new ResourceNotOpenError(this.name)
    return opened.value as T
  }

  with<Result>(value: T, fn: () => Result): Result {
    return standIns.run(new Map(standIns.getStore()).set(this, value), fn)
  }
}

export function isResource(value: unknown): value is Resource<unknown> {
  return typeof value === 'object' && value !== null && described in value
}

interface Entry {
  readonly opening: Promise<void>
  opened?: { readonly value: unknown }
}

/** The resources of one thread, process or loop. */
export class OpenResources {
  readonly #entries = new Map<Resource<unknown>, Entry>()
  readonly #onFirst: () => void
  #used = false

  /** @param onFirst called before anything is opened */
  constructor(onFirst: () => void = () => {}) {
    this.#onFirst = onFirst
  }

  /**
   * Opens those that are not. Nothing is returned where all are.
   *
   * @throws ResourceError, by rejecting
   */
  open(resources: readonly Resource<unknown>[]): Promise<unknown> | undefined {
    if (resources.every((each) => this.#entries.get(each)?.opened)) return undefined
    return Promise.all(resources.map((each) => (this.#entries.get(each) ?? this.#begin(each)).opening))
  }

  get(resource: Resource<unknown>): { readonly value: unknown } | undefined {
    return this.#entries.get(resource)?.opened
  }

  /** Closes all, whatever the others do. It takes as long as they take. */
  async close(onError: (name: string, error: unknown) => void): Promise<void> {
    await Promise.all(Array.from(this.#entries, async ([resource, entry]) => {
      await entry.opening.catch(() => {})
      if (!entry.opened) return
      try {
        await optionsOf(resource).close?.(entry.opened.value)
      } catch (error) {
        onError(resource.name, error)
      }
    }))
  }

  #begin(resource: Resource<unknown>): Entry {
    if (!this.#used) this.#onFirst()
    this.#used = true
    const entry: Entry = { opening: this.#open(resource) }
    this.#entries.set(resource, entry)
    return entry
  }

  async #open(resource: Resource<unknown>): Promise<void> {
    try {
      // Not in the context of the call that happens to be first: it outlives that call.
      const value = await runOutside(async () => optionsOf(resource).open())
      this.#entries.get(resource)!.opened = { value }
    } catch (error) {
      this.#entries.delete(resource)
      throw new ResourceError(resource.name, error)
    }
  }
}

function optionsOf(resource: Resource<unknown>): ResourceOptions<unknown> {
  return (resource as DescribedResource<unknown>)[described]
}
