import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import { temporaryFolder } from './temporary-folder.ts'

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
    const child = spawn('redis-server', ['--port', String(this.port), '--bind', '127.0.0.1', '--dir', this.#folder.path, '--save', '', ...this.#flags], { stdio: 'ignore' })
    this.#process = child
    while (!answer.test(await this.say('PING').catch(String))) {
      if (child.exitCode !== null) throw new Error(`redis-server ${this.#flags.join(' ')} ended with ${child.exitCode}`)
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

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}
