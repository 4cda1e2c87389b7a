import type { SharedOutcome, SharedStep } from '../../backends/shared-store.ts'
import type { WaitOptions } from '../../concurrency/suspend.ts'
import { InvalidOptionError, SharedTooLargeError } from '../../kernel/errors.ts'
import { encode } from '../../wire/codec.ts'
import type { Granted, Session, WaitStep } from './session.ts'

/** What all things of one client go through. */
export class Desk {
  readonly #session: () => Session
  readonly #payloadLimit: number

  /** @param session the one that there is now: it throws where there is to be none any more */
  constructor(session: () => Session, payloadLimit: number) {
    this.#session = session
    this.#payloadLimit = payloadLimit
  }

  async ask(step: SharedStep): Promise<SharedOutcome> {
    const session = this.#session()
    try {
      return await session.ask(step)
    } catch (error) {
      if (error !== session.lost) throw error
      // It was not done, and holds nothing that was lost.
      return this.#session().ask(step)
    }
  }

  async wait(what: string, step: (ticket: number) => WaitStep, options: WaitOptions | undefined, undoable = true): Promise<Granted> {
    return this.#session().wait(what, step, options, undoable)
  }

  /** @throws UncloneableError, SharedTooLargeError */
  bytesOf(value: unknown, what: string): Uint8Array {
    const bytes = encode(value, what)
    if (bytes.length > this.#payloadLimit) throw new SharedTooLargeError(what, bytes.length, this.#payloadLimit)
    return bytes
  }
}

/** @throws InvalidOptionError where nothing shared can bear the name */
export function checkSharedName(name: unknown): void {
  if (typeof name !== 'string' || !/^[\w.:-]{1,200}$/.test(name)) throw new InvalidOptionError('The name of what is shared', name, '1 to 200 letters, digits, or . : - _')
}
