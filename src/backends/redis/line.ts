import { RESP_TYPES, RedisClient, type RedisClientOptions, type RedisClientType } from '@redis/client'
import { type Timer, systemClock } from '../../kernel/clock.ts'
import { BackendError, InvalidOptionError } from '../../kernel/errors.ts'
import type { Logger } from '../../kernel/logger.ts'
import { withoutPassword } from '../urls.ts'
import { hasNotBegun, isAbsent, isReplica, mayNotAsk, redisError } from './errors.ts'
import type { Script } from './script.ts'

/** In milliseconds. */
export interface ServerTimes {
  /** The first connection is given up after so long. */
  readonly connect: number
  /** A call waits so long for the server to be there again, or to have loaded its data. */
  readonly patience: number
  /** How often the server is asked whether it still answers. */
  readonly heartbeat: number
}

const usual: ServerTimes = { connect: 5_000, patience: 5_000, heartbeat: 5_000 }

type Words = readonly (string | Buffer)[]

const inBytes = { typeMapping: { [RESP_TYPES.BLOB_STRING]: Buffer } }

/** The longest pause before the way to the server is tried again, and the one before a call is, in milliseconds. */
const longestPause = 2_000
const callPause = 50

/**
 * A connection that is made again, until it is closed: where it was lost, where what arrives makes no sense, and where the server has owed an answer for two
 * heartbeats and given no other, since a connection can break without either end being told. Heartbeats are counted, not measured: a stall of this process is not the server's.
 */
export class Line {
  readonly where: string
  readonly #url: string
  readonly #times: ServerTimes
  readonly #log: Logger
  readonly #begun: (client: RedisClientType) => Promise<void>
  #client: RedisClientType
  #ready = Promise.withResolvers<void>()
  #opened = false
  #closed = false
  #owes = false
  #missed = 0
  #heart: Timer | undefined

  /** @param begun called with each new connection */
  constructor(url: string, log: Logger, times: Partial<ServerTimes>, begun: (client: RedisClientType) => Promise<void> = async () => {}) {
    this.where = withoutPassword(url)
    this.#url = url
    this.#times = { ...usual, ...times }
    this.#log = log
    this.#begun = begun
    this.#client = this.#made()
  }

  /** Where nothing listens yet, or who does hangs up, as while the server is restarted, it is tried again for as long as the first connection may take. */
  async open(): Promise<void> {
    const { promise: failed, reject } = Promise.withResolvers<never>()
    const { connect } = this.#times
    let absent: unknown
    let warned = false
    // It has come, and may be silent.
    this.#client.on('connect', () => { absent = undefined })
    this.#client.on('error', (error: unknown) => {
      if (this.#opened) return
      if (!isAbsent(error)) return reject(error)
      absent = error
      if (!warned) this.#log.warn({ where: this.where, err: error }, `the server cannot be reached; it is tried again for ${connect} ms`)
      warned = true
    })
    using _ = systemClock.after(connect, () => reject(absent ?? new BackendError(`${this.where}: nothing answered there as Redis does, for ${connect} ms. Mend the URL, or see what holds the server up.`)))
    try {
      await Promise.race([failed, this.#client.connect().then((client) => refuseEviction(client, this.where, this.#log))])
    } catch (error) {
      this.close()
      throw redisError(error, this.where)
    }
    this.#opened = true
    this.#beat()
  }

  /** One more to the same server; it is there soon. */
  another(begun: (client: RedisClientType) => Promise<void>): Line {
    const line = new Line(this.#url, this.#log, this.#times, begun)
    line.#opened = true
    line.#connect()
    line.#beat()
    return line
  }

  get isReady(): boolean {
    return this.#client.isReady
  }

  /** Says it when the server is there; again, for a while, where that answers that it has not begun. */
  async say<T>(what: (client: RedisClientType) => Promise<T>): Promise<T> {
    const until = systemClock.elapsed() + this.#times.patience
    for (;;) {
      const client = this.#client.isReady ? this.#client : await this.#whenReady(until)
      try {
        return await what(client)
      } catch (error) {
        await this.#rest(error, client, until)
      }
    }
  }

  /** As `say`, of a script: the hot path, without closures that live as long as a call. */
  async run<T>({ text, sha1 }: Script, words: Words): Promise<T> {
    const until = systemClock.elapsed() + this.#times.patience
    for (let isKnown = true; ;) {
      const client = this.#client.isReady ? this.#client : await this.#whenReady(until)
      try {
        return await client.sendCommand<T>(isKnown ? ['EVALSHA', sha1, ...words] : ['EVAL', text, ...words], inBytes)
      } catch (error) {
        // The server was restarted, or has never seen it.
        if (error instanceof Error && error.message.startsWith('NOSCRIPT')) isKnown = false
        else await this.#rest(error, client, until)
      } finally {
        // Whatever it answered: it lives, however much stands before the heartbeat's turn.
        this.#missed = 0
      }
    }
  }

  close(): void {
    this.#closed = true
    this.#heart?.[Symbol.dispose]()
    this.#client.destroy()
  }

  /** Before it is said again. @throws BackendError where it is not */
  async #rest(error: unknown, client: RedisClientType, until: number): Promise<void> {
    // After a failover the host's name may mean another server.
    if (isReplica(error) && client === this.#client) this.#renew()
    if (!hasNotBegun(error) || systemClock.elapsed() >= until) throw redisError(error, this.where, 'Whether this call was kept cannot be told; it may be repeated.')
    await systemClock.sleep(callPause)
  }

  async #whenReady(until: number): Promise<RedisClientType> {
    while (!this.#client.isReady) {
      const left = until - systemClock.elapsed()
      if (left <= 0) throw new BackendError(`${this.where}: nothing answered there for ${this.#times.patience} ms. Nothing of this call was kept; the connection is made again as soon as it can be.`)
      const waiting = new AbortController()
      await Promise.race([this.#ready.promise, systemClock.sleep(left, waiting.signal)])
      waiting.abort()
    }
    return this.#client
  }

  #made(): RedisClientType {
    const socket = { reconnectStrategy: (tries: number, cause: Error) => (this.#opened || isAbsent(cause)) && Math.min(50 * 2 ** tries, longestPause), connectTimeout: this.#times.connect }
    const client = clientOf(this.#url, this.where, socket)
    const own = (): boolean => client === this.#client && this.#opened && !this.#closed
    client.on('connect', () => { if (own()) this.#owes = true })
    client.on('ready', () => {
      if (!own()) return
      this.#answered()
      this.#ready.resolve()
      this.#ready = Promise.withResolvers()
      // Where it was lost meanwhile, the next one is begun.
      this.#begun(client).catch((error: unknown) => { if (own() && client.isReady) this.#log.error({ where: this.where, err: error }, 'what others tell through Redis cannot be heard') })
    })
    client.on('error', (error: unknown) => {
      if (!own()) return
      this.#log.warn({ where: this.where, err: error }, 'the connection to Redis failed; it is made again')
      this.#answered()
      // It stands: what arrived made no sense, and nothing after it would.
      if (client.isReady) this.#renew()
    })
    return client
  }

  #connect(): void {
    // It rejects only when it is closed.
    this.#client.connect().catch(() => {})
  }

  #renew(): void {
    const old = this.#client
    this.#client = this.#made()
    this.#answered()
    old.destroy()
    this.#connect()
  }

  #answered(): void {
    this.#owes = false
    this.#missed = 0
  }

  #beat(): void {
    this.#heart = systemClock.after(this.#times.heartbeat, () => {
      const client = this.#client
      if (this.#owes && ++this.#missed === 2) {
        this.#log.warn({ where: this.where }, 'Redis has not answered for two heartbeats; the connection is made again')
        this.#renew()
      } else if (!this.#owes && client.isReady) {
        this.#owes = true
        const answered = (): void => { if (client === this.#client) this.#answered() }
        client.ping().then(answered, answered)
      }
      this.#beat()
    }, { background: true })
  }
}

const protocol = { RESP: 2 } as const

/**
 * Calls wait in `Line.say`, not in the client: what was given to that was sent. The class, which takes 10 ms to make, is the same whatever the URL: `createClient`
 * would make one for each.
 */
function clientOf(url: string, where: string, socket: NonNullable<RedisClientOptions['socket']>): RedisClientType {
  try {
    return RedisClient.factory(protocol)({ ...protocol, url, socket, disableOfflineQueue: true, commandOptions: { timeout: 0 } }) as unknown as RedisClientType
  } catch {
    // What it throws may show the password.
    throw new InvalidOptionError('A redis: URL', where, "a URL, such as redis://localhost:6379, in which a password's special characters are written as %XX")
  }
}

/** A server that may forget jobs to make room is none that keeps them. */
async function refuseEviction(client: RedisClientType, where: string, log: Logger): Promise<void> {
  const info = await client.info('memory').catch((error: unknown) => {
    if (!mayNotAsk(error)) throw error
    log.info({ where }, 'this user may not run INFO, so whether the maxmemory-policy of Redis is noeviction was not checked')
    return ''
  })
  const policy = /^maxmemory_policy:(\S+)/m.exec(info)?.[1]
  if (policy === undefined || policy === 'noeviction') return
  throw new BackendError(`${where} may drop keys when its memory is full (maxmemory-policy ${policy}), and jobs with them. Set: CONFIG SET maxmemory-policy noeviction, and the same in redis.conf.`)
}
