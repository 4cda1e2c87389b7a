import type { Line } from '../jobs/job.ts'

/**
 * Which queue is asked next: each by its weight, at random, until it had no more for a line; then the others. So a queue of weight 6 beside one of weight 1 is asked first
 * six times of seven, and none is left waiting while there is room.
 */
export class QueueDraw {
  readonly #weights: ReadonlyMap<string, number>
  readonly #random: () => number
  /** Of each line, the queues that had no more. */
  readonly #empty = new Map<Line, Set<string>>()

  /** @param random from 0 to 1 */
  constructor(weights: ReadonlyMap<string, number>, random: () => number = Math.random) {
    this.#weights = weights
    this.#random = random
  }

  /** One that may have more for one of the lines; undefined where none may. */
  next(lines: readonly Line[]): string | undefined {
    const left = [...this.#weights].filter(([queue]) => lines.some((line) => this.mayHave(queue, line)))
    let at = this.#random() * left.reduce((sum, [, weight]) => sum + weight, 0)
    for (const [queue, weight] of left) {
      at -= weight
      if (at < 0) return queue
    }
    return left.at(-1)?.[0]
  }

  mayHave(queue: string, line: Line): boolean {
    return this.#empty.get(line)?.has(queue) !== true
  }

  /** It gave less than it was asked for. Says whether that was the last. */
  emptied(queue: string, line: Line): boolean {
    const empty = this.#empty.get(line) ?? new Set()
    this.#empty.set(line, empty.add(queue))
    return empty.size === this.#weights.size
  }

  /** Any may have more again. */
  refill(): void {
    this.#empty.clear()
  }
}
