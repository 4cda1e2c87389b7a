import { lengthBehind } from '../wire/claim-check.ts'
import { argsBehind } from '../wire/envelope.ts'

/**
 * What a job holds beyond its own bytes: what its envelope and its result only refer to.
 *
 * @param payload null or undefined where it holds no reference for sure
 */
export function bytesBehind(payload: Uint8Array | null | undefined, result: Uint8Array | null | undefined): number {
  return (payload ? argsBehind(payload) : 0) + (result ? lengthBehind(result) : 0)
}
