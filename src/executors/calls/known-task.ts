import type { TaskRef } from '../../tasks/task.ts'
import { TaskTimes } from '../statistics.ts'

/** How far the newest duration moves the average, and how many times the average it counts for at most: one long call among many short ones says little of the next. */
const weight = 0.2
const mostTimes = 4

/** Moving a call to a thread and back costs about this much, in milliseconds, however little it does there. */
const leastCost = 0.001

/** A task as the pool knows it: its number in messages, and how long its calls take. */
export class KnownTask {
  readonly id: number
  readonly ref: TaskRef
  /** Milliseconds that a call takes, averaged, the newest counting most; `Infinity` until one has been measured. */
  cost: number = Infinity
  readonly times: TaskTimes = new TaskTimes()

  constructor(id: number, ref: TaskRef) {
    this.id = id
    this.ref = ref
  }

  learn(wall: number): void {
    const seen = Math.max(wall, leastCost)
    this.cost = this.cost === Infinity ? seen : this.cost + weight * (Math.min(seen, mostTimes * this.cost) - this.cost)
  }
}

/** The tasks that a pool has seen. */
export class KnownTasks {
  readonly #byRef = new WeakMap<TaskRef, KnownTask>()
  readonly #byKey = new Map<string, KnownTask>()
  /** Most calls are of the same task as the one before. */
  #lastRef: TaskRef | undefined
  #last!: KnownTask

  of(ref: TaskRef): KnownTask {
    if (ref !== this.#lastRef) {
      this.#last = this.#find(ref)
      this.#lastRef = ref
    }
    return this.#last
  }

  [Symbol.iterator](): IterableIterator<KnownTask> {
    return this.#byKey.values()
  }

  #find(ref: TaskRef): KnownTask {
    let known = this.#byRef.get(ref)
    if (known) return known
    const key = `${ref.name} ${ref.source.modules.join(' ')}`
    known = this.#byKey.get(key)
    // A plain copy: the ref may be a definition, whose function cannot be sent.
    if (!known) this.#byKey.set(key, known = new KnownTask(this.#byKey.size, { name: ref.name, source: ref.source }))
    this.#byRef.set(ref, known)
    return known
  }
}
