import { existsSync } from 'node:fs'
import { isAbsolute, resolve } from 'node:path'
import { openBackend } from '../backends/registry.ts'
import { sqliteParts } from '../backends/urls.ts'
import type { Client } from '../client/client.ts'
import { connect } from '../client/connect.ts'
import { BackendError } from '../kernel/errors.ts'
import { stderrLog } from './log.ts'

/** Where a command finds the jobs, and what is too large for them. */
export interface Place {
  readonly broker: string
  readonly payloads?: string
  /** How what goes wrong on the way there is said. */
  readonly json?: true
}

const sqliteUrl = /^sqlite:(.*)$/is

/**
 * Does something with a client, and closes it.
 *
 * The file is opened on this thread: a command has nothing else to do meanwhile, and a thread would take longer to start than the rest.
 */
export async function withClient<T>({ broker, payloads, json }: Place, use: (client: Client) => Promise<T>): Promise<T> {
  const backend = await openBackend(broker, { log: stderrLog('warn', json === true) })
  try {
    await using client = await connect(backend, payloads === undefined ? {} : { payloads })
    return await use(client)
  } finally {
    await backend.close()
  }
}

/** As `withClient`, for those who read or change what is there already: a mistyped name must not make a new file. @throws BackendError */
export async function withJobs<T>(place: Place, use: (client: Client) => Promise<T>): Promise<T> {
  const file = fileOf(place.broker)
  if (file !== undefined && file !== '' && !existsSync(file)) {
    throw new BackendError(`There is no file ${resolve(file)}: no job was ever kept there. Name another with --broker, TREADLE_BROKER or in treadle.config.ts; "treadle enqueue" and "treadle worker" make it.`)
  }
  return await withClient(place, use)
}

/** The URL, its relative path seen from `folder`. */
export function withFileIn(folder: string, url: string): string {
  const file = fileOf(url)
  if (file === undefined || file === '' || file.startsWith(':') || isAbsolute(file)) return url
  const query = url.lastIndexOf('?')
  return `sqlite:${resolve(folder, file)}${query < 0 ? '' : url.slice(query)}`
}

/** The file that a URL names, if any. */
function fileOf(url: string): string | undefined {
  const rest = sqliteUrl.exec(url)?.[1]
  return rest === undefined ? undefined : sqliteParts(rest).path
}
