import type { Duration } from '../../kernel/duration.ts'
import type { Barrier, Event } from '../event.ts'
import type { WaitOptions } from '../suspend.ts'
import type { Link } from './link.ts'
import { RemoteEnd } from './remote-end.ts'
import type { Servable } from './served-end.ts'

export function servableEvent(event: Event): Servable {
  return {
    asked: { wait: (_, signal) => event.isSet ? undefined : event.wait({ signal: signal() }) },
    told: { set: () => event.set() },
    happens: { set: (signal) => event.wait({ signal }) }
  }
}

export function servableBarrier(barrier: Barrier): Servable {
  return { asked: { wait: (_, signal) => barrier.wait({ signal: signal() }) }, told: {} }
}

/** An event of another thread or process, as one of this one. */
export class RemoteEvent implements Disposable {
  readonly #end: RemoteEnd
  #isSet = false

  /** Use `connectEvent`. */
  constructor(link: Link) {
    this.#end = new RemoteEnd(link)
  }

  /** Whether it is set, as far as was heard here: a moment later than where it is set, and while this thread turns. */
  get isSet(): boolean {
    return this.#isSet || this.#end.happened('set')
  }

  /** @throws LinkLostError */
  set(): void {
    this.#end.tell('set', undefined)
    this.#isSet = true
    this.#end.flush()
  }

  /** @throws CancelledError, DeadlineExceededError, the reason of the signal; LinkLostError */
  async wait(options?: WaitOptions): Promise<void> {
    await this.#end.take('wait', 'An event', options)
  }

  /** As `wait`, with this thread asleep: for threads that compute, and not for processes. @throws DeadlineExceededError, LinkLostError; InvalidOptionError between processes */
  waitSync({ timeout }: { timeout?: Duration } = {}): void {
    this.#end.askSync('wait', undefined, 'An event', timeout)
  }

  /** Nothing more is asked of it here. What waits here gets LinkLostError. */
  close(): void {
    this.#end.close()
  }

  [Symbol.dispose](): void {
    this.close()
  }
}

/** A barrier of another thread or process, as one of this one. One that ends while it waits is not counted any more. */
export class RemoteBarrier implements Disposable {
  readonly #end: RemoteEnd

  /** Use `connectBarrier`. */
  constructor(link: Link) {
    this.#end = new RemoteEnd(link)
  }

  /** @returns which one it was to come, from 0. @throws CancelledError, DeadlineExceededError, the reason of the signal; LinkLostError */
  async wait(options?: WaitOptions): Promise<number> {
    return await this.#end.ask('wait', undefined, 'A barrier', options) as number
  }

  /** As `wait`, with this thread asleep: for threads that compute, and not for processes. @throws DeadlineExceededError, LinkLostError; InvalidOptionError between processes */
  waitSync({ timeout }: { timeout?: Duration } = {}): number {
    return this.#end.askSync('wait', undefined, 'A barrier', timeout).value as number
  }

  /** Nothing more is asked of it here. What waits here gets LinkLostError. */
  close(): void {
    this.#end.close()
  }

  [Symbol.dispose](): void {
    this.close()
  }
}
