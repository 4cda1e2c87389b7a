/**
 * Calls `fn` once this tick's promise work is done: where many callers ask for something in one tick, it is done for all of them together.
 *
 * A microtask alone would come before continuations that are queued later; a next-tick callback alone, before all of them.
 */
export function afterMicrotasks(fn: () => void): void {
  queueMicrotask(() => process.nextTick(fn))
}
