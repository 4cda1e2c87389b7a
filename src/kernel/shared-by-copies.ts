/**
 * What all copies of Treadle in one thread have together: a program may hold more than one, as ESM and as CommonJS, or of two installs.
 *
 * @param name with a number that rises when what is shared changes its form
 */
export function sharedByCopies<T>(name: string, make: () => T): T {
  const key = Symbol.for(`treadle.${name}`)
  const place = globalThis as unknown as Record<symbol, T | undefined>
  return place[key] ??= make()
}
