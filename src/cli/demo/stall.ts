import { monitorEventLoopDelay } from 'node:perf_hooks'
import { systemClock } from '../../kernel/clock.ts'

/** How often the loop is looked at, in milliseconds. */
const resolution = 1

/** Measures how long this thread's event loop stood still. */
export class StallMeter {
  readonly #delays: ReturnType<typeof monitorEventLoopDelay> = monitorEventLoopDelay({ resolution })

  /** The longest stall, in milliseconds, while `work` ran. */
  async during<T>(work: () => Promise<T>): Promise<{ result: T, stall: number }> {
    this.#delays.enable()
    // The first look has nothing to compare with, and a stall shows only at the look after it.
    await systemClock.sleep(3 * resolution)
    this.#delays.reset()
    await systemClock.sleep(3 * resolution)
    try {
      const result = await work()
      await systemClock.sleep(3 * resolution)
      return { result, stall: Math.max(0, this.#delays.max / 1e6 - resolution) }
    } finally {
      this.#delays.disable()
    }
  }
}
