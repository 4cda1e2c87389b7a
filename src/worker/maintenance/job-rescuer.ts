import type { Broker } from '../../backends/broker.ts'
import type { Clock } from '../../kernel/clock.ts'
import type { Logger } from '../../kernel/logger.ts'

/**
 * Takes back the jobs of dead workers, whose leases ran out.
 *
 * A lease may also run out since this machine, the broker or a lock on it stood still, and no worker could renew. So after any
 * hold-up that it notices, its own late turn or the broker's late answer, it rescues nothing for one full lease: by then
 * every living worker has renewed.
 */
export class JobRescuer {
  readonly #broker: Broker
  readonly #clock: Clock
  readonly #log: Logger
  readonly #lease: number

  constructor(broker: Broker, clock: Clock, log: Logger, lease: number) {
    this.#broker = broker
    this.#clock = clock
    this.#log = log
    this.#lease = lease
  }

  /** Until `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const interval = this.#lease / 4
    // A worker that has just started cannot know what was held up before.
    let notBefore = this.#clock.elapsed() + this.#lease
    let offset = this.#clock.now() - this.#clock.elapsed()
    while (!signal.aborted) {
      const asleep = this.#clock.elapsed()
      await this.#clock.sleep(interval * (0.75 + Math.random() / 2), signal)
      if (signal.aborted) return
      const awake = this.#clock.elapsed()
      // The machine's clock was set: leases that look old, or endless, are so by that alone.
      const stepped = Math.abs(this.#clock.now() - awake - offset) > this.#lease / 3
      offset = this.#clock.now() - awake
      if (stepped || awake - asleep > interval * 1.25 + this.#lease / 3) notBefore = awake + this.#lease
      if (awake < notBefore) continue
      if (await this.#rescue() === 'held up') notBefore = this.#clock.elapsed() + this.#lease
    }
  }

  async #rescue(): Promise<'done' | 'held up'> {
    try {
      const { rescued, buried, stalled } = await this.#broker.sweep(this.#lease / 3)
      for (const { job, token } of rescued) this.#log.warn({ job, delivery: token }, 'job rescued: the worker that held it let its lease run out')
      for (const job of buried) this.#log.warn({ job }, 'job set aside as dead')
      if (!stalled) return 'done'
      this.#log.warn({}, 'the broker was held up: nothing is rescued for one lease')
    } catch (error) {
      this.#log.error({ err: error }, 'rescue failed; it is tried again')
    }
    return 'held up'
  }
}
