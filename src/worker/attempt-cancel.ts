import type { AbortListener, CancelSignal } from '../executors/executor.ts'
import { CancelledError } from '../kernel/errors.ts'

/** The cancel signal of one attempt. An AbortController for each of a hundred thousand attempts a second would cost more than running them. */
export class AttemptCancel implements CancelSignal {
  aborted = false
  reason: unknown
  #listeners: AbortListener[] = []

  addEventListener(_type: 'abort', listener: AbortListener): void {
    this.#listeners.push(listener)
  }

  removeEventListener(_type: 'abort', listener: AbortListener): void {
    this.#listeners = this.#listeners.filter((own) => own !== listener)
  }

  abort(): void {
    if (this.aborted) return
    this.aborted = true
    this.reason = new CancelledError('The job')
    for (const listener of this.#listeners) {
      if (typeof listener === 'function') listener()
      else listener.handleEvent()
    }
  }
}
