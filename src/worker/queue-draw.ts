/**
 * Which queue is asked next: each by its weight, at random, until it had no more; then the others. So a queue of weight 6 beside one of weight 1 is asked first six times of seven,
 * and none is left waiting while there is room.
 */
export class QueueDraw {
  readonly #weights: ReadonlyMap<string, number>
  readonly #random: () => number
  readonly #empty = new Set<string>()

  /** @param random from 0 to 1 */
  constructor(weights: ReadonlyMap<string, number>, random: () => number = Math.random) {
    this.#weights = weights
    this.#random = random
  }

  /** Undefined where each was found to have no more. */
  next(): string | undefined {
    const left = [...this.#weights].filter(([queue]) => !this.#empty.has(queue))
    let at = this.#random() * left.reduce((sum, [, weight]) => sum + weight, 0)
    for (const [queue, weight] of left) {
      at -= weight
      if (at < 0) return queue
    }
    return left.at(-1)?.[0]
  }

  /** It gave less than it was asked for. Says whether that was the last. */
  emptied(queue: string): boolean {
    this.#empty.add(queue)
    return this.#empty.size === this.#weights.size
  }

  /** Any may have more again. */
  refill(): void {
    this.#empty.clear()
  }
}
