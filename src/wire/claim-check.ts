// A claim check: what is too large for a message is kept elsewhere, and the message holds a reference to it.
//
// A reference is the byte 0xc1, which begins no MessagePack value (so a reader that knows of no references refuses it), the length (8 bytes,
// big-endian) and the SHA-256 of what it stands for. It holds no name: whoever reads it knows from the job where to look.

const mark = 0xc1
const digestAt = 9
/** In bytes. */
export const referenceLength: number = digestAt + 32

/** The digest is made off this thread: however large the bytes, no loop is held up. */
export async function referenceTo(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  const reference = new Uint8Array(referenceLength)
  reference[0] = mark
  new DataView(reference.buffer).setBigUint64(1, BigInt(bytes.length))
  reference.set(new Uint8Array(await crypto.subtle.digest('SHA-256', bytes)), digestAt)
  return reference
}

export function isReference(bytes: Uint8Array): boolean {
  return bytes[0] === mark
}

/** How long is what a reference stands for, in bytes; 0 where it is none. */
export function lengthBehind(bytes: Uint8Array): number {
  if (!isReference(bytes) || bytes.length !== referenceLength) return 0
  return Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(1))
}

/** Whether `bytes` are what the reference was made to. */
export async function checkClaim(reference: Uint8Array, bytes: Uint8Array<ArrayBuffer>): Promise<boolean> {
  return Buffer.compare(reference, await referenceTo(bytes)) === 0
}
