import type { Task } from '../tasks/task.ts'
import type { MapOptions, Runner } from './runner.ts'

/** One stage more, given what comes out of those before it. */
type Stage = (items: AsyncIterable<unknown> | Iterable<unknown>) => AsyncGenerator<unknown, void, undefined>

/**
 * Stages that items go through, each with its own place and its own concurrency: `local().pipeline(items)` begins one. It does nothing before it is
 * iterated; then the source is read as fast as results are taken, and no further than the stages hold together. Results come in the
 * order of the source. The first error ends it: it cancels what is under way and closes the source. So does leaving the loop.
 *
 * @example
 * const double = task({ name: 'double', runs: 'loop' }, async (n: number) => n * 2)
 * await using here = local()
 * await Array.fromAsync(here.pipeline([1, 2, 3]).through(double).through(double, { concurrency: 2 }))   // [ 4, 8, 12 ]
 */
export class Pipeline<Item> implements AsyncIterable<Item> {
  readonly #runner: Pick<Runner, 'map'>
  readonly #source: Iterable<unknown> | AsyncIterable<unknown>
  readonly #stages: readonly Stage[]

  /** Use `local().pipeline`. */
  constructor(runner: Pick<Runner, 'map'>, source: Iterable<unknown> | AsyncIterable<unknown>, stages: readonly Stage[] = []) {
    this.#runner = runner
    this.#source = source
    this.#stages = stages
  }

  /** This pipeline and one stage more: every item goes through the task. @throws as `map`, once it is iterated */
  through<Result, Own extends unknown[]>(task: Task<[item: Item], Result, Own>, options: MapOptions = {}): Pipeline<Awaited<Result>> {
    const stage: Stage = (items) => this.#runner.map(task, items as AsyncIterable<Item>, options)
    return new Pipeline(this.#runner, this.#source, [...this.#stages, stage])
  }

  [Symbol.asyncIterator](): AsyncGenerator<Item, void, undefined> {
    const [first, ...others] = this.#stages
    if (!first) return each(this.#source as Iterable<Item> | AsyncIterable<Item>)
    return others.reduce((items, stage) => stage(items), first(this.#source)) as AsyncGenerator<Item, void, undefined>
  }
}

async function* each<Item>(items: Iterable<Item> | AsyncIterable<Item>): AsyncGenerator<Item, void, undefined> {
  yield* items
}
