/** Something that is held until it is given back, once: `using permit = await semaphore.acquire()`. */
export class Permit implements Disposable {
  #release: (() => void) | undefined

  constructor(release: () => void) {
    this.#release = release
  }

  /** Gives it back. Nothing where it was given back before. */
  release(): void {
    const release = this.#release
    this.#release = undefined
    release?.()
  }

  [Symbol.dispose](): void {
    this.release()
  }
}
