import { PayloadMissingError } from '../../kernel/errors.ts'
import { checkClaim, referenceTo } from '../../wire/claim-check.ts'
import type { PayloadStore } from './payload-store.ts'

/** Puts the bytes into the store. What it gives goes into the message in their place. */
export async function deposit(payloads: PayloadStore, name: string, bytes: Uint8Array): Promise<Uint8Array> {
  const own = plain(bytes)
  const reference = await referenceTo(own)
  await payloads.put(name, own)
  return reference
}

/**
 * What a reference stands for.
 *
 * @param payloads undefined where none is configured
 * @param what for the error: `The result of job …`
 * @throws PayloadMissingError where it is gone or was changed, or there is no store to look in
 */
export async function redeem(payloads: PayloadStore | undefined, name: string, reference: Uint8Array, what: string): Promise<Uint8Array> {
  if (!payloads) throw new PayloadMissingError(what, 'unconfigured')
  const bytes = await payloads.get(name)
  if (!bytes) throw new PayloadMissingError(what, 'gone')
  const own = plain(bytes)
  if (!await checkClaim(reference, own)) throw new PayloadMissingError(what, 'changed')
  return own
}

/** Not a Buffer, whose `slice` is another than that of the bytes that come in messages. */
function plain(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return bytes.buffer instanceof ArrayBuffer ? new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength) : new Uint8Array(bytes)
}
