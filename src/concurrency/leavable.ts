/** How an iteration hears that it was left. */
export class Exit {
  left = false
  /** Called once, when it is left. */
  heard: () => void = () => {}

  leave(): void {
    if (this.left) return
    this.left = true
    this.heard()
  }
}

/**
 * An iteration that ends at once where it is left while its next item is waited for. A generator alone hears of that at its next `yield`, which may
 * never come.
 *
 * @param iterate what waits in it ends when `exit` says so
 */
export function leavable<T>(iterate: (exit: Exit) => AsyncGenerator<T, void, undefined>): AsyncGenerator<T, void, undefined> {
  const exit = new Exit()
  const items = iterate(exit)
  const left: Pick<typeof items, 'return' | 'throw'> = {
    return(value) {
      exit.leave()
      return items.return(value)
    },
    throw(error) {
      exit.leave()
      return items.throw(error)
    }
  }
  return {
    next: () => items.next(),
    ...left,
    [Symbol.asyncIterator]() { return this },
    [Symbol.asyncDispose]: async () => void await left.return(undefined)
  }
}
