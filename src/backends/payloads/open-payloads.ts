import { fileURLToPath } from 'node:url'
import { InvalidOptionError } from '../../kernel/errors.ts'
import type { PayloadStore } from './payload-store.ts'

/** Where payloads are kept: a folder's path or `file:` URL, or a store of the user's own. */
export type PayloadsOption = string | URL | PayloadStore

const forms = "a folder's path, a file: URL, or an open PayloadStore"
const methods = ['put', 'get', 'delete', 'forget'] as const

/** @throws InvalidOptionError, BackendError */
export async function openPayloads(where: PayloadsOption | undefined): Promise<PayloadStore | undefined> {
  if (where === undefined) return undefined
  if (typeof where !== 'string' && !(where instanceof URL)) return checkStore(where)
  const text = String(where)
  // One letter and a colon are a drive.
  const scheme = /^([a-z][a-z0-9+.-]+):/i.exec(text)?.[1]?.toLowerCase()
  if (text === '' || (scheme !== undefined && scheme !== 'file')) throw new InvalidOptionError('payloads', text, forms)
  const { directoryPayloads } = await import('./directory-payloads.ts')
  return directoryPayloads(scheme === 'file' ? fileURLToPath(text) : text)
}

function checkStore(store: PayloadStore): PayloadStore {
  const fits = typeof store === 'object' && store !== null && methods.every((method) => typeof store[method] === 'function')
  if (!fits) throw new InvalidOptionError('payloads', store, forms)
  return store
}
