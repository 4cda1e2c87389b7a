import { setImmediate as nextTurn } from 'node:timers/promises'
import { Event } from '../concurrency/event.ts'
import { ClosedError, InvalidOptionError } from '../kernel/errors.ts'

/** How many turns of the loop nothing may have begun in. */
const quietTurns = 5

/**
 * Waits until everything else waits for something that does not come by itself within a few turns of the event loop: for a timer, for IO, for
 * each other. As `trio.testing.wait_all_tasks_blocked`.
 *
 * @example
 * const event = new Event()
 * const waiting = event.wait()
 * await waitAllBlocked()
 * event.statistics().waiting   // 1
 */
export async function waitAllBlocked(): Promise<void> {
  for (let turn = 0; turn < quietTurns; turn++) await nextTurn()
}

/**
 * Brings what tasks do beside each other into one order: whoever asks for a turn waits until all before it are over. As
 * `trio.testing.Sequencer`.
 *
 * @example
 * const sequencer = new Sequencer()
 * const order: string[] = []
 * await taskGroup((group) => {
 *   group.start(async () => { using turn = await sequencer.turn(1); order.push('second') })
 *   group.start(async () => { using turn = await sequencer.turn(0); order.push('first') })
 * })
 * order   // [ 'first', 'second' ]
 */
export class Sequencer {
  readonly #over = new Map<number, Event>()
  readonly #taken = new Set<number>()
  #broken = false

  /**
   * Waits for the turn; disposing what it gives ends it.
   *
   * @param number from 0; each is taken once
   * @throws InvalidOptionError, CancelledError; ClosedError where one before it gave up
   */
  async turn(number: number): Promise<Disposable> {
    if (!Number.isInteger(number) || number < 0 || this.#taken.has(number)) throw new InvalidOptionError('Sequencer.turn()', number, 'a whole number, 0 or more, that was not taken yet')
    this.#taken.add(number)
    if (number > 0) await this.#before(number - 1)
    return { [Symbol.dispose]: () => this.#end(number).set() }
  }

  /** Whoever gives up breaks it: those behind would wait for ever. */
  async #before(number: number): Promise<void> {
    try {
      await this.#end(number).wait()
    } catch (error) {
      this.#broken = true
      for (const end of this.#over.values()) end.set()
      throw error
    }
    if (this.#broken) throw new ClosedError('The sequencer')
  }

  #end(number: number): Event {
    const known = this.#over.get(number) ?? new Event()
    this.#over.set(number, known)
    return known
  }
}
