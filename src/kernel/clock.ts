/** A timer that has been set; disposing it before it fires takes it back. */
export type Timer = Disposable

/** Time as a port: nothing outside `kernel/` reads the clock or sets a timer in another way. */
export interface Clock {
  /** Milliseconds since the Unix epoch. May jump when the machine's clock is set. */
  now(): number
  /** Milliseconds from an arbitrary start, never going back: for durations. */
  elapsed(): number
  /** Calls `callback` once, `ms` from now. In the background: the timer does not keep the program alive. */
  after(ms: number, callback: () => void, options?: { background: boolean }): Timer
  /** Resolves `ms` from now, or as soon as `signal` aborts: the caller's loop looks at its signal next. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
}

/** The longest delay that `setTimeout` takes; a longer one would fire at once. */
const longestTimeout = 2 ** 31 - 1

/** The machine's clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  elapsed: () => performance.now(),
  after(ms, callback, { background } = { background: false }) {
    let timeout: NodeJS.Timeout
    const set = (left: number): void => {
      timeout = left > longestTimeout
        ? setTimeout(() => set(left - longestTimeout), longestTimeout)
        : setTimeout(callback, left)
      if (background) timeout.unref()
    }
    if (ms !== Infinity) set(ms)
    return { [Symbol.dispose]: () => clearTimeout(timeout) }
  },
  sleep(ms, signal) {
    return sleepOn(this, ms, signal)
  }
}

/** `sleep` in terms of `after`, shared by every clock. */
export function sleepOn(clock: Pick<Clock, 'after'>, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve()
    const timer = clock.after(ms, done)
    signal?.addEventListener('abort', done)
    function done(): void {
      timer[Symbol.dispose]()
      signal?.removeEventListener('abort', done)
      resolve()
    }
  })
}
