import { retryDelay } from '../../kernel/retry-options.ts'
import { systemClock } from '../../kernel/clock.ts'
import { context, runInContext } from '../../tasks/context.ts'
import { encode } from '../../wire/codec.ts'
import type { Step } from './workload.ts'

/** One call's result, and what it took. */
export interface Done {
  readonly task: string
  /** The result as its queue would keep it. */
  readonly result: Uint8Array
  /** Milliseconds, retries and the waits before them included. */
  readonly wall: number
}

/** The yardstick: every call of every step, as a plain function call, each only after the one before has ended. */
export async function * oneAfterAnother(steps: readonly Step[]): AsyncGenerator<Done> {
  for (const step of steps) {
    for (let at = 0; at < step.calls; at++) {
      const began = systemClock.elapsed()
      const result = await untilItSucceeds(step, at)
      yield { task: step.definition.name, result: encode(result), wall: systemClock.elapsed() - began }
    }
  }
}

/** What the worker does with a call that fails, by the same rules: so that only the order differs. */
async function untilItSucceeds({ definition, call }: Step, at: number): Promise<unknown> {
  for (let attempt = 1; ; attempt++) {
    const own = { ...context(), task: definition.name, attempt }
    try {
      return await runInContext(own, () => call(at))
    } catch (error) {
      const wait = retryDelay(definition.rules.retry, attempt, 1)
      if (wait === undefined) throw error
      await systemClock.sleep(wait)
    }
  }
}
