import { type Clock, systemClock } from './clock.ts'
import { type Deadline, after, never } from './deadline.ts'
import { type Duration, milliseconds } from './duration.ts'
import { ClosedError } from './errors.ts'
import { checkOptions } from './options.ts'

export interface CloseOptions {
  /** How long what is under way may take to end; then it is stopped. Default: as long as it needs. */
  deadline?: Duration
}

/**
 * The one lifecycle of everything long-lived: start once, close once, in any order and any number of times.
 *
 * A start that fails closes what had been opened. A close during the start waits for the start first.
 * A further close may bring a nearer deadline, never a later one.
 */
export abstract class Service implements AsyncDisposable {
  protected readonly clock: Clock
  #started: Promise<void> | undefined
  #closed: Promise<void> | undefined
  #deadline = never
  #shutting = false

  constructor(clock: Clock = systemClock) {
    this.clock = clock
  }

  protected abstract onStart(): Promise<void> | void
  protected abstract onClose(deadline: Deadline): Promise<void> | void
  /** A further `close` came while `onClose` is under way: this is the deadline now. */
  protected onHurry(_deadline: Deadline): void {}

  /** True from the first `close` on: no new work is taken. */
  get closing(): boolean {
    return this.#closed !== undefined
  }

  /** @throws ClosedError where it was closed before */
  async start(): Promise<this> {
    if (this.closing) throw new ClosedError(this.constructor.name)
    this.#started ??= this.#open()
    await this.#started
    return this
  }

  async close(options: CloseOptions = {}): Promise<void> {
    checkOptions('close()', options, { deadline: true })
    if (options.deadline !== undefined) {
      this.#deadline = after(this.clock.elapsed(), milliseconds(options.deadline, 'deadline'), this.#deadline)
      if (this.#shutting) this.onHurry(this.#deadline)
    }
    await (this.#closed ??= this.#shut())
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async #open(): Promise<void> {
    try {
      await this.onStart()
    } catch (error) {
      this.#closed ??= Promise.resolve(this.onClose({ at: 0 }))
      await this.#closed.catch(() => {})
      throw error
    }
  }

  async #shut(): Promise<void> {
    if (!this.#started) return
    try {
      await this.#started
    } catch {
      return // a failed start has closed what it had opened
    }
    this.#shutting = true
    await this.onClose(this.#deadline)
  }
}
