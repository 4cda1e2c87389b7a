import { fileURLToPath } from 'node:url'
import { InvalidOptionError } from '../kernel/errors.ts'

/** The path is written as it is, not percent-encoded, save after `//`, where it is a URL's. */
export function sqliteParts(rest: string): { path: string, durability?: 'process' | 'disk' } {
  const mark = rest.lastIndexOf('?')
  const query = new URLSearchParams(mark < 0 ? '' : rest.slice(mark + 1))
  const written = mark < 0 ? rest : rest.slice(0, mark)
  for (const key of query.keys()) if (key !== 'durability') throw new InvalidOptionError('A sqlite: URL', `?${key}`, 'one option: ?durability=process or ?durability=disk')
  const path = written.startsWith('///') ? fileURLToPath(`file:${written}`) : written
  const durability = query.get('durability')
  if (durability === null) return { path }
  if (durability !== 'process' && durability !== 'disk') throw new InvalidOptionError('durability', durability, "'process' or 'disk'")
  return { path, durability }
}

/** The server's own URL, as Redis has it, and what is ours: `?prefix=`, which lets applications share a server. */
export function redisParts(given: string): { server: string, prefix?: string } {
  const url = given.replace(/^valkey/i, 'redis')
  const mark = url.indexOf('?')
  if (mark < 0) return { server: url }
  const query = new URLSearchParams(url.slice(mark + 1))
  for (const key of query.keys()) if (key !== 'prefix') throw new InvalidOptionError('A redis: URL', `?${key}`, 'one option: ?prefix=NAME')
  const prefix = query.get('prefix')
  if (!prefix) throw new InvalidOptionError('prefix', prefix, 'a name, as in redis://localhost/0?prefix=shop')
  return { server: url.slice(0, mark), prefix }
}

/** For people to read, and for logs. */
export function withoutPassword(url: string): string {
  // A password may hold an @ or a slash, though it should not.
  return url.replace(/(\/\/[^/@:]*):.*@/, '$1:***@').replace(/([?&][^=&]*(?:password|token|secret)[^=&]*=)[^&]*/gi, '$1***')
}
