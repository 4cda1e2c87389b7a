import { mkdir, open, opendir, readFile, rename, rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { BackendError } from '../../kernel/errors.ts'
import { checkedName, jobOf } from './payload-names.ts'
import type { PayloadStore } from './payload-store.ts'

/**
 * Payloads as files of a folder, which is made where it does not exist.
 *
 * @throws BackendError where it cannot be made
 */
export async function directoryPayloads(folder: string): Promise<PayloadStore> {
  const path = resolve(folder)
  try {
    await mkdir(path, { recursive: true })
  } catch (error) {
    throw failure(path, error)
  }
  return new DirectoryPayloads(path)
}

const partEnding = /\.[0-9a-f-]{36}\.part$/

/**
 * A file has its name only once it is whole and on the disk: until then it is a `.part`, which no name matches. Such a file
 * that a dead process left goes with its job.
 */
class DirectoryPayloads implements PayloadStore {
  readonly #folder: string

  constructor(folder: string) {
    this.#folder = folder
  }

  async put(name: string, bytes: Uint8Array): Promise<void> {
    const path = this.#pathOf(name)
    const part = `${path}.${crypto.randomUUID()}.part`
    try {
      await write(part, bytes)
      await rename(part, path)
      await sync(this.#folder)
    } catch (error) {
      await rm(part, { force: true }).catch(() => {})
      throw failure(path, error)
    }
  }

  async get(name: string): Promise<Uint8Array | undefined> {
    const path = this.#pathOf(name)
    try {
      return await readFile(path)
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return undefined
      throw failure(path, error)
    }
  }

  async delete(names: readonly string[]): Promise<void> {
    for (const name of names) await this.#remove(this.#pathOf(name))
  }

  async forget(jobs: readonly string[]): Promise<void> {
    if (jobs.length === 0) return
    const gone = new Set(jobs)
    try {
      for await (const { name } of await opendir(this.#folder)) {
        const job = jobOf(name.replace(partEnding, ''))
        if (job !== undefined && gone.has(job)) await this.#remove(join(this.#folder, name))
      }
    } catch (error) {
      throw failure(this.#folder, error)
    }
  }

  async #remove(path: string): Promise<void> {
    try {
      await rm(path, { force: true })
    } catch (error) {
      throw failure(path, error)
    }
  }

  #pathOf(name: string): string {
    return join(this.#folder, checkedName(name))
  }
}

async function write(path: string, bytes: Uint8Array): Promise<void> {
  await using file = await open(path, 'wx')
  await file.writeFile(bytes)
  await file.sync()
}

/** A name is on the disk once its folder is. Windows does not open folders, and needs none of it. */
async function sync(folder: string): Promise<void> {
  if (process.platform === 'win32') return
  await using opened = await open(folder)
  await opened.sync()
}

function failure(path: string, error: unknown): BackendError {
  return error instanceof BackendError ? error : new BackendError(`${path}: ${advice(error)}`, { cause: error })
}

function advice(error: unknown): string {
  switch (codeOf(error)) {
    case 'ENOSPC':
    case 'EDQUOT': return 'the disk is full. Nothing of this payload was kept; make room and repeat it.'
    case 'EACCES':
    case 'EPERM':
    case 'EROFS': return 'this user may not read or write it. Change its permissions, or name another folder for payloads.'
    case 'ENOENT': return 'its folder is gone. Make it again, or name another folder for payloads.'
    case 'EEXIST':
    case 'ENOTDIR': return 'this is not a folder. Name another one for payloads.'
    default: return error instanceof Error ? error.message : String(error)
  }
}

function codeOf(error: unknown): unknown {
  return (error as { code?: unknown } | undefined)?.code
}
