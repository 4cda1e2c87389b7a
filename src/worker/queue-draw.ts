import type { Line } from '../jobs/job.ts'

/**
 * Which queue is asked next: each by its weight, at random, until it had no more of a line; then the others. So a queue of weight 6 beside one of weight 1 is asked first six times
 * of seven, and none is left waiting while there is room.
 */
export class QueueDraw {
  readonly #weights: ReadonlyMap<string, number>
  readonly #random: () => number
  /** By line, the queues that had no more. */
  readonly #empty = new Map<Line, Set<string>>()

  /** @param random from 0 to 1 */
  constructor(weights: ReadonlyMap<string, number>, random: () => number = Math.random) {
    this.#weights = weights
    this.#random = random
  }

  /** One that may have more of any of the lines; undefined where none may. */
  next(lines: readonly Line[]): string | undefined {
    const left = [...this.#weights].filter(([queue]) => lines.some((line) => this.mayHaveMore(queue, line)))
    let at = this.#random() * left.reduce((sum, [, weight]) => sum + weight, 0)
    for (const [queue, weight] of left) {
      at -= weight
      if (at < 0) return queue
    }
    return left.at(-1)?.[0]
  }

  mayHaveMore(queue: string, line: Line): boolean {
    return !this.#empty.get(line)?.has(queue)
  }

  /** They gave less of a line than they were asked for. Says whether no queue may have more of it now. */
  emptied(queues: readonly string[], line: Line): boolean {
    const empty = this.#empty.get(line) ?? new Set()
    for (const queue of queues) empty.add(queue)
    this.#empty.set(line, empty)
    return empty.size === this.#weights.size
  }

  /** Any may have more again. */
  refill(): void {
    this.#empty.clear()
  }
}
