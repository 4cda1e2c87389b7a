import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { type AddressInfo, type Socket, connect, createServer } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import { temporaryFolder } from './temporary-folder.ts'

/** Redis, or Valkey with REDIS_SERVER=valkey-server: what is said of one holds for the other. */
export const redisProgram: string = process.env['REDIS_SERVER'] ?? 'redis-server'

/** A server of the test's own, on the loopback, with a port and a folder of its own. */
export class RedisServer implements AsyncDisposable {
  readonly url: string
  readonly port: number
  readonly #flags: readonly string[]
  readonly #folder = temporaryFolder()
  #process: ChildProcess | undefined

  private constructor(port: number, flags: readonly string[]) {
    this.port = port
    this.#flags = flags
    this.url = `redis://127.0.0.1:${port}`
  }

  static async start(...flags: string[]): Promise<RedisServer> {
    const server = new RedisServer(await freePort(), flags)
    await server.start()
    return server
  }

  /** Resolves when it answers as given: by default, when it has loaded its data. */
  async start(answer = /^(\+PONG|-NOAUTH)/): Promise<void> {
    const child = spawn(redisProgram, ['--port', String(this.port), '--bind', '127.0.0.1', '--dir', this.#folder.path, '--save', '', ...this.#flags], { stdio: 'ignore' })
    this.#process = child
    while (!answer.test(await this.say('PING').catch(String))) {
      if (child.exitCode !== null) throw new Error(`${redisProgram} ${this.#flags.join(' ')} ended with ${child.exitCode}`)
      await wait(10)
    }
  }

  /** As by a crash. */
  async kill(): Promise<void> {
    const child = this.#process
    this.#process = undefined
    if (!child || child.exitCode !== null || child.signalCode !== null) return
    child.kill('SIGKILL')
    await once(child, 'exit')
  }

  /** It stays connected, and answers nothing: so does one whose host has gone. */
  stop(): void {
    this.#process?.kill('SIGSTOP')
  }

  continue(): void {
    this.#process?.kill('SIGCONT')
  }

  /** A command of one line, on a connection of its own; what arrives first of the answer. */
  async say(command: string): Promise<string> {
    const socket = connect(this.port, '127.0.0.1')
    try {
      socket.write(`${command}\r\n`)
      for await (const answer of socket) return String(answer)
      throw new Error('the connection ended without an answer')
    } finally {
      socket.destroy()
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill()
    this.#folder[Symbol.dispose]()
  }
}

/** A way to a server that can be cut; `handle` says what becomes of each connection. */
export async function relay(handle: (socket: Socket) => void): Promise<{ url: string, cut(): Promise<void>, restore(): Promise<void> } & AsyncDisposable> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket.on('error', () => {}))
    handle(socket)
  })
  const listen = async (port: number): Promise<number> => {
    await once(server.listen(port, '127.0.0.1'), 'listening')
    return (server.address() as AddressInfo).port
  }
  const port = await listen(0)
  const cut = async (): Promise<void> => {
    if (!server.listening) return
    for (const socket of sockets) socket.destroy()
    server.close()
    await once(server, 'close')
  }
  return { url: `redis://127.0.0.1:${port}`, cut, restore: async () => void await listen(port), [Symbol.asyncDispose]: cut }
}

/** Passes on what comes and goes. */
export function to({ port }: RedisServer): (socket: Socket) => void {
  return (socket) => {
    const onward = connect(port, '127.0.0.1').on('error', () => socket.destroy()).on('close', () => socket.destroy())
    socket.on('close', () => onward.destroy()).pipe(onward).pipe(socket)
  }
}

/** Breaks connections where it is told, by what has passed and not by time: so a test breaks them at the same place each time. */
export class Fuse {
  #way: 'there' | 'back' = 'there'
  #left = Infinity
  /** How often it has broken one. */
  blown = 0

  /** After so many bytes more of what goes there, or comes back, the connection breaks. */
  arm(way: 'there' | 'back', bytes: number): void {
    this.#way = way
    this.#left = bytes
  }

  /** Passes on what comes and goes, for a `relay`. */
  to({ port }: RedisServer): (socket: Socket) => void {
    return (socket) => {
      const onward = connect(port, '127.0.0.1').on('error', () => {}).on('close', () => socket.destroy())
      let broken = false
      const pass = (way: 'there' | 'back', chunk: Buffer, target: Socket): void => {
        if (broken) return
        if (way !== this.#way || chunk.length <= this.#left) {
          if (way === this.#way) this.#left -= chunk.length
          target.write(chunk)
          return
        }
        broken = true
        this.blown++
        const last = chunk.subarray(0, this.#left)
        this.#left = Infinity
        if (way === 'back') socket.end(last)
        // Whoever asked hears of it once the server has: so nothing of it is done later than is looked for.
        onward.end(way === 'there' ? last : '')
      }
      socket.on('close', () => onward.destroy()).on('data', (chunk: Buffer) => pass('there', chunk, onward))
      onward.on('data', (chunk: Buffer) => pass('back', chunk, socket))
    }
  }
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}
