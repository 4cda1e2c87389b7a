import { RESP_TYPES, type RedisClientType, createClient } from '@redis/client'
import { BackendError, ClosedError, InvalidOptionError } from '../../kernel/errors.ts'
import type { Logger } from '../../kernel/logger.ts'
import { withoutPassword } from '../urls.ts'
import { redisError } from './errors.ts'
import type { Script } from './script.ts'

/** What others tell. */
export interface ServerListener {
  news(queue: string): void
  ended(jobs: readonly string[]): void
  /** From now on all of it is heard; what was told before may have been missed. */
  connected(): void
}

/** The longest pause before the way to the server is tried again, in milliseconds. */
const longestPause = 2_000

/** The connections to a server: one for scripts, and one, where somebody listens, for what others tell. Both are made again where they are lost. */
export class Server {
  readonly #where: string
  readonly #prefix: string
  readonly #client: RedisClientType
  readonly #log: Logger
  #subscriber: RedisClientType | undefined
  #closed = false

  private constructor(where: string, prefix: string, client: RedisClientType, log: Logger) {
    this.#where = where
    this.#prefix = prefix
    this.#client = client
    this.#log = log
  }

  static async connect(url: string, prefix: string, log: Logger): Promise<Server> {
    const where = withoutPassword(url)
    if (!URL.canParse(url)) throw new InvalidOptionError('A redis: URL', where, 'a URL, such as redis://localhost:6379')
    // The first connection is not tried again: where nothing listens, that is said at once.
    let opened = false
    const client = createClient({
      url,
      RESP: 2,
      socket: { reconnectStrategy: (tries) => opened ? Math.min(50 * 2 ** tries, longestPause) : false, connectTimeout: 5_000 }
    }) as unknown as RedisClientType
    client.on('error', (error: unknown) => log.warn({ where, err: error }, 'the connection to Redis failed; it is made again'))
    try {
      await client.connect()
      opened = true
      await checkPolicy(client, where)
    } catch (error) {
      if (client.isOpen) client.destroy()
      throw redisError(error, where)
    }
    return new Server(where, `${prefix}:1`, client, log)
  }

  /** @throws ClosedError */
  checkOpen(): void {
    if (this.#closed) throw new ClosedError(this.#where)
  }

  async ping(): Promise<void> {
    this.checkOpen()
    await this.#say(() => this.#client.ping())
  }

  /** Runs a script: see job-lua.ts. */
  async run<T>({ text, sha1 }: Script, asked: object, blobs: readonly Uint8Array[]): Promise<T> {
    this.checkOpen()
    const rest = ['1', this.#prefix, JSON.stringify(asked), ...blobs.map((blob) => Buffer.from(blob.buffer, blob.byteOffset, blob.byteLength))]
    return await this.#say(async () => {
      try {
        return await this.#send<T>(['EVALSHA', sha1, ...rest])
      } catch (error) {
        // The server was restarted, or has never seen it.
        if (error instanceof Error && error.message.startsWith('NOSCRIPT')) return await this.#send<T>(['EVAL', text, ...rest])
        throw error
      }
    })
  }

  /** Hears what others tell, from soon on. Only the first listener is heard. */
  attend(listener: ServerListener): void {
    if (this.#subscriber) return
    const subscriber = this.#subscriber = this.#client.duplicate()
    subscriber.on('error', (error: unknown) => this.#log.debug({ where: this.#where, err: error }, 'the connection that listens to Redis failed; it is made again'))
    // Also when it was lost: it subscribes by itself.
    subscriber.on('ready', () => setImmediate(() => { if (!this.#closed) listener.connected() }))
    const begin = async (): Promise<void> => {
      await subscriber.connect()
      await subscriber.subscribe(`${this.#prefix}:news`, (queue: string) => listener.news(queue))
      await subscriber.subscribe(`${this.#prefix}:ended`, (jobs: string) => listener.ended(jobs.split('\n')))
      if (!this.#closed) listener.connected()
    }
    begin().catch((error: unknown) => {
      if (!this.#closed) this.#log.error({ where: this.#where, err: error }, 'Redis cannot be listened to')
    })
  }

  /** What was asked is still done. */
  async close(): Promise<void> {
    this.#closed = true
    if (this.#subscriber?.isOpen) this.#subscriber.destroy()
    if (this.#client.isOpen) await this.#client.close()
  }

  #send<T>(command: (string | Buffer)[]): Promise<T> {
    return this.#client.sendCommand<T>(command, { typeMapping: { [RESP_TYPES.BLOB_STRING]: Buffer } })
  }

  async #say<T>(what: () => Promise<T>): Promise<T> {
    try {
      return await what()
    } catch (error) {
      throw redisError(error, this.#where)
    }
  }
}

/** A server that may forget jobs to make room is none that keeps them. */
async function checkPolicy(client: RedisClientType, where: string): Promise<void> {
  const policy = /^maxmemory_policy:(\S+)/m.exec(await client.info('memory'))?.[1]
  if (policy === undefined || policy === 'noeviction') return
  throw new BackendError(`${where} may drop keys when its memory is full (maxmemory-policy ${policy}), and jobs with them. Set: CONFIG SET maxmemory-policy noeviction, and the same in redis.conf.`)
}
