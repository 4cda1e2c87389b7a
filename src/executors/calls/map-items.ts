import { systemClock } from '../../kernel/clock.ts'
import { isThenable } from '../../kernel/thenable.ts'
import { context } from '../../tasks/context.ts'
import { TaskLoader } from '../../tasks/loader.ts'
import { type Task, type TaskDefinition, type TaskRef, task } from '../../tasks/task.ts'
import { type PortableError, toPortable } from '../../wire/portable-error.ts'
import { cloneableError, cloning, findUncloneable, isPlain } from '../../wire/uncloneable.ts'
import { BatchWriter, type ValueBatch, valuesOf } from '../../wire/value-batch.ts'
import type { RunningCall } from '../running-call.ts'

export const mapTask = 'treadle.map'

/** How the items of a chunk are to be run. */
export interface ChunkRules {
  /** When this is used up, in milliseconds, no further item is begun. */
  readonly budget: number
  /** Whether memory that is shared stays so on the way back. */
  readonly shares: boolean
  /** Where values are not carried anywhere: only of this part of them, and none that would be shared by not being carried. */
  readonly within?: { readonly from: number, readonly to: number }
}

/** What came of a chunk: of its first items; the others were not begun. */
export interface ChunkReport {
  readonly results: ValueBatch
  /** One more, alone, since it holds memory that is shared. */
  readonly sharing?: { readonly result: unknown }
  /** What the item after these threw. */
  readonly error?: PortableError
  /** How long that took, in milliseconds. */
  readonly ms: number
  /** Some gave a promise. */
  readonly waited: boolean
}

/** The tasks that this thread has called so. */
const loader = new TaskLoader()

/** Calls a task in its own place for each item, one after another: as many as there is time for. */
export const mapItems: Task<[ref: TaskRef | TaskDefinition, items: ValueBatch, rules: ChunkRules], ChunkReport | Promise<ChunkReport>> = task(
  { name: mapTask },
  (ref: TaskRef | TaskDefinition, items: ValueBatch, rules: ChunkRules) => {
    const call = context() as RunningCall
    const chunk = (definition: TaskDefinition): ChunkReport | Promise<ChunkReport> => new Chunk(call, definition, items, rules).run()
    const definition = 'fn' in ref ? ref : loader.loaded(ref)
    return definition ? chunk(definition) : loader.load(ref).then(chunk)
  }
)

/** The clock is read about so often, in milliseconds: a reading costs as much as some items do. */
const lookEvery = 0.02

/** So many items at most between two looks: one that has been quick may not stay so. */
const longestStride = 256

interface Later {
  readonly result: PromiseLike<unknown>
}

class Chunk {
  readonly #call: RunningCall
  readonly #fn: (item: unknown) => unknown
  readonly #items: ArrayLike<unknown>
  readonly #rules: ChunkRules
  readonly #results: BatchWriter
  readonly #began = systemClock.elapsed()
  readonly #end: number
  #at: number
  #looked = this.#began
  #waited = false
  #sharing: ChunkReport['sharing']
  #over = false

  constructor(call: RunningCall, definition: TaskDefinition, items: ValueBatch, rules: ChunkRules) {
    this.#call = call
    this.#fn = call.becomes(definition)
    this.#items = valuesOf(items)
    this.#rules = rules
    const { from, to } = rules.within ?? { from: 0, to: this.#items.length }
    this.#at = from
    this.#end = to
    this.#results = new BatchWriter(to - from, () => [`The result of '${definition.name}'`, 'result'])
  }

  run(): ChunkReport | Promise<ChunkReport> {
    try {
      for (let stride = 1; stride > 0; stride = this.#next(stride)) {
        const later = this.#stride(Math.min(this.#end, this.#at + stride))
        if (later) return this.#rest(later)
      }
      return this.#report()
    } catch (error) {
      return this.#failed(error)
    }
  }

  /** Runs items up to `end`, or up to one whose result comes later: that is given. */
  #stride(end: number): Later | undefined {
    const items = this.#items
    const results = this.#results
    const fn = this.#fn
    const here = this.#rules.within !== undefined
    let at = this.#at
    let later: Later | undefined
    for (; at < end; at++) {
      const item = items[at]
      if (here && typeof item !== 'number' && !isPlain(item)) {
        this.#over = true
        break
      }
      const result = fn(item)
      if (typeof result === 'number') results.add(result)
      else if (isThenable(result)) {
        later = { result }
        break
      } else if (!this.#keep(result)) break
    }
    this.#at = at
    return later
  }

  /** False where it holds memory that is shared, which no batch can hold. */
  #keep(result: unknown): boolean {
    try {
      this.#results.add(result)
      return true
    } catch (error) {
      if (!this.#rules.shares || findUncloneable(result, 'result', cloning)) throw error
      this.#sharing = { result }
      this.#over = true
      return false
    }
  }

  /** How many items come before the next look at the clock; 0 where none does. */
  #next(stride: number): number {
    if (this.#over || this.#at === this.#end || this.#results.full) return 0
    const now = systemClock.elapsed()
    if (now - this.#began >= this.#rules.budget) return 0
    const took = now - this.#looked
    this.#looked = now
    return took < lookEvery / 2 ? Math.min(2 * stride, longestStride) : Math.max(1, Math.floor(stride * Math.min(1, lookEvery / took)))
  }

  /** One after another: each is waited for. */
  async #rest(later: Later): Promise<ChunkReport> {
    this.#waited = true
    try {
      for (let next: Later | undefined = later; ; next = this.#stride(this.#at + 1)) {
        if (next && this.#keep(await next.result)) this.#at++
        if (this.#call.signal.aborted || this.#next(1) === 0) return this.#report()
      }
    } catch (error) {
      return this.#failed(error)
    }
  }

  #failed(error: unknown): ChunkReport {
    return { ...this.#report(), error: cloneableError(toPortable(error)) }
  }

  #report(): ChunkReport {
    const sharing = this.#sharing
    return { results: this.#results.batch, ...(sharing ? { sharing } : {}), ms: systemClock.elapsed() - this.#began, waited: this.#waited }
  }
}
