/** Aborts at the first SIGINT or SIGTERM: what is open is then closed properly. */
export function untilSignal(): { readonly signal: AbortSignal } & Disposable {
  const stop = new AbortController()
  const onSignal = (): void => stop.abort()
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal)
  return {
    signal: stop.signal,
    [Symbol.dispose]: () => void process.off('SIGINT', onSignal).off('SIGTERM', onSignal)
  }
}
