const controllers = new WeakMap<AbortSignal, AbortController>()

/** Fewer are not looked through for those that nobody has any more. */
const few = 32

/**
 * Signals of scopes that have ended, as long as somebody still has them: the body of a response, say, whose headers were fetched with a time
 * limit. They abort with the scope around.
 */
export class OutlivingSignals {
  #signals = new Set<WeakRef<AbortSignal>>()
  #sweepAt = few

  add(controller: AbortController): void {
    controllers.set(controller.signal, controller)
    this.#signals.add(new WeakRef(controller.signal))
    if (this.#signals.size < this.#sweepAt) return
    for (const ref of this.#signals) if (!ref.deref()) this.#signals.delete(ref)
    this.#sweepAt = Math.max(few, 2 * this.#signals.size)
  }

  /** Takes over all of another. */
  addAll(others: OutlivingSignals): void {
    for (const controller of others) this.add(controller)
  }

  /** Those that somebody still has. */
  *[Symbol.iterator](): Iterator<AbortController> {
    for (const ref of this.#signals) {
      const signal = ref.deref()
      const controller = signal && controllers.get(signal)
      if (controller) yield controller
    }
  }
}
