import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { type Server, type Socket, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '../../kernel/clock.ts'
import { type Shareable, servableOf } from '../remote/servable.ts'
import { type Servable, ServedEnd } from '../remote/served-end.ts'
import { SocketLink } from './socket-link.ts'

/** How long a listener that closes waits for those who are connected to end too, in milliseconds: one may be stopped. */
const silence = 1_000

/** Where other processes find what was shared. */
export interface Listener extends AsyncDisposable {
  /** What `connectQueue`, `connectLock` and so on take, in whatever process of this machine and user. */
  readonly address: string
  /** Nobody comes any more, and who is there is cut off: what waits there gets LinkLostError. What was shared stays as it is. */
  close(): Promise<void>
}

/**
 * Shares a queue, lock, semaphore, event or barrier of this process with other processes of this machine and user. Any number of them may
 * connect, and end, however they end: what such a one waits for is given up, an item that was on its way to it is put back, and what it
 * held is given back. One that is killed while much of what it said is unsent may have had an item that is put back all the same. It keeps no
 * program alive.
 *
 * By a socket in a folder that only this user can read; on Windows, a named pipe.
 *
 * @throws InvalidOptionError; what the system says where the socket cannot be made
 *
 * @example
 * const queue = new Queue<number>()
 * await using listener = await listen(queue)
 * using remote = connectQueue<number>(listener.address) // in another process
 * await remote.put(1)
 * await queue.get()   // 1
 */
export async function listen<T>(thing: Shareable<T>): Promise<Listener> {
  return await listenFor(servableOf(thing as Shareable<never>))
}

/** As `listen`, for whatever may be asked of something. */
export async function listenFor(servable: Servable): Promise<Listener> {
  const folder = process.platform === 'win32' ? undefined : await newFolder()
  const address = folder === undefined ? `\\\\.\\pipe\\treadle-${crypto.randomUUID()}` : join(folder, 'socket')
  const ends = new Map<Socket, ServedEnd>()
  const server = createServer((socket) => {
    const end = new ServedEnd(new SocketLink(socket), servable)
    ends.set(socket, end)
    end.begin(() => ends.delete(socket))
  })
  server.listen(address)
  try {
    await once(server, 'listening')
  } catch (error) {
    await removed(folder)
    throw error
  }
  server.unref()
  const close = onceOnly(() => closed(server, ends, folder))
  return { address, close, [Symbol.asyncDispose]: close }
}

/** Folders of listeners that are not closed: a program that ends leaves none. */
const folders = new Set<string>()

async function newFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'treadle-'))
  if (folders.size === 0) process.on('exit', removeAll)
  folders.add(folder)
  return folder
}

function removeAll(): void {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true })
}

async function closed(server: Server, ends: ReadonlyMap<Socket, ServedEnd>, folder: string | undefined): Promise<void> {
  const over = new Promise((resolve) => server.close(resolve))
  // What they say to have arrived is not put back.
  for (const end of ends.values()) end.end()
  using _silent = systemClock.after(silence, () => { for (const socket of ends.keys()) socket.destroy() })
  await over
  await removed(folder)
}

async function removed(folder: string | undefined): Promise<void> {
  if (folder === undefined) return
  await rm(folder, { recursive: true, force: true })
  folders.delete(folder)
  if (folders.size === 0) process.off('exit', removeAll)
}

function onceOnly(close: () => Promise<void>): () => Promise<void> {
  let closing: Promise<void> | undefined
  return () => closing ??= close()
}
