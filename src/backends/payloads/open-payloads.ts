import { fileURLToPath } from 'node:url'
import { InvalidOptionError } from '../../kernel/errors.ts'
import type { PayloadStore } from './payload-store.ts'

/** Where payloads are kept: a folder's path or `file:` URL, or a store of the user's own. */
export type PayloadsOption = string | URL | PayloadStore

/** @throws InvalidOptionError, BackendError */
export async function openPayloads(where: PayloadsOption | undefined): Promise<PayloadStore | undefined> {
  if (typeof where !== 'string' && !(where instanceof URL)) return where
  const text = String(where)
  // One letter and a colon are a drive.
  const scheme = /^([a-z][a-z0-9+.-]+):/i.exec(text)?.[1]?.toLowerCase()
  if (text === '' || (scheme !== undefined && scheme !== 'file')) throw new InvalidOptionError('payloads', text, "a folder's path, a file: URL, or an open PayloadStore")
  const { directoryPayloads } = await import('./directory-payloads.ts')
  return directoryPayloads(scheme === 'file' ? fileURLToPath(text) : text)
}
