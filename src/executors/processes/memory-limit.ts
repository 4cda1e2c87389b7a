/** A child that holds more than its limit is replaced after its call; beyond this many times the limit it is killed. */
export const killFactor = 1.5

/** Bytes, for people. */
export function megabytes(bytes: number): string {
  return `${Math.round(bytes / 2 ** 20)} MB`
}
