import type { RedisClientType } from '@redis/client'
import { WaitList } from '../../concurrency/wait-list.ts'
import { systemClock } from '../../kernel/clock.ts'
import { ClosedError } from '../../kernel/errors.ts'
import type { Logger } from '../../kernel/logger.ts'
import { Line, type ServerTimes } from './line.ts'
import type { Hearer, Hearing } from '../bus.ts'
import type { Script } from './script.ts'
import { Topic } from './topic.ts'

/** What others tell. */
export interface ServerListener {
  news(queue: string): void
  ended(jobs: readonly string[]): void
  /** It ended alone, in its first attempt. */
  succeeded(job: string, result: Uint8Array): void
  /** Tickets of these sessions may have come to stand otherwise. */
  shared(sessions: readonly string[]): void
  /** From now on all of it is heard; what was told before may have been missed. */
  connected(): void
}

/** What a server is asked. */
export interface ServerCalls {
  ping(): Promise<void>
  run<T>(script: Script, asked: object, blob?: Buffer): Promise<T>
}

/** Who takes what is handed to a worker. */
interface Taker {
  readonly take: (told: Buffer) => void
  /** What it may not have heard, as the connection broke; null for nothing. */
  readonly missed: () => Promise<Buffer | null>
}

/** How long to wait before what failed is asked again, in milliseconds. */
const pause = 500

/** The connections to a server: one for scripts, and one, where somebody listens, for what others tell. Both are made again where they are lost. */
export class Server implements ServerCalls {
  /** The number of the one that its URL names. */
  readonly database: string
  readonly #line: Line
  readonly #prefix: string
  readonly #own: ServerCalls
  #underWay = 0
  readonly #quiet = new WaitList('The end of what was asked')
  readonly #topics = new Map<string, Topic>()
  /** By their channels. */
  readonly #takers = new Map<string, Taker>()
  #subscriber: Line | undefined
  /** How often the subscriber's has been made. */
  #connection = 0
  /** With which it began to hear all. */
  #hearing: number | undefined
  #closed = false

  private constructor(line: Line, prefix: string, database: string) {
    this.#line = line
    this.database = database
    this.#prefix = prefix
    this.#own = {
      ping: async () => void await line.say((client) => client.ping()),
      run: (script, asked, blob) => line.run(script, blob ? ['1', prefix, JSON.stringify(asked), blob] : ['1', prefix, JSON.stringify(asked)])
    }
  }

  static async connect(url: string, prefix: string, log: Logger, times: Partial<ServerTimes> = {}): Promise<Server> {
    const line = new Line(url, log, times)
    await line.open()
    return new Server(line, `${prefix}:1`, new URL(url).pathname.slice(1) || '0')
  }

  /** @throws ClosedError */
  checkOpen(): void {
    if (this.#closed) throw new ClosedError(this.#line.where)
  }

  ping(): Promise<void> {
    return this.whole((calls) => calls.ping())
  }

  /** Runs a script: see job-lua.ts. */
  run<T>(script: Script, asked: object, blob?: Buffer): Promise<T> {
    return this.whole((calls) => calls.run<T>(script, asked, blob))
  }

  /** Calls that are one to whoever asked: once begun they come to their end, though it closes meanwhile. */
  async whole<T>(work: (calls: ServerCalls) => Promise<T>): Promise<T> {
    this.checkOpen()
    this.#underWay++
    try {
      return await work(this.#own)
    } finally {
      if (--this.#underWay === 0) this.#quiet.wakeAll()
    }
  }

  /** Whether all that others tell is heard. Where it is not, it will be, and `connected` says so. */
  get hears(): boolean {
    return this.#hearing === this.#connection && this.#subscriber!.isReady
  }

  /** Hears what others tell, from soon on. Only the first listener is heard. */
  attend(listener: ServerListener): void {
    if (this.#subscriber) return
    const news = (queue: string): void => listener.news(queue)
    const ended = (told: Buffer): void => {
      const end = told.indexOf('\n\n')
      if (end < 0) return listener.ended(String(told).split('\n'))
      const [job, from] = [told.toString('utf8', 0, end), told.indexOf('\n', end + 2)]
      if (told.toString('utf8', end + 2, from) === this.database) listener.succeeded(job, new Uint8Array(told.subarray(from + 1)))
      else listener.ended([job])
    }
    const shared = (sessions: string): void => listener.shared(sessions.split('\n'))
    this.#subscriber = this.#line.another(async (client) => {
      const connection = ++this.#connection
      // Where it has subscribed again by itself, that is kept as it is.
      await client.subscribe(`${this.#prefix}:news`, news)
      await client.subscribe(`${this.#prefix}:ended`, ended, true)
      await client.subscribe(`${this.#prefix}:shared`, shared)
      for (const topic of this.#topics.values()) await topic.subscribe(client, connection)
      if (this.#closed) return
      this.#hearing = connection
      listener.connected()
      for (const [channel, taker] of this.#takers) void this.#receive(client, channel, taker)
    })
  }

  /** Needs somebody who attends. */
  receive(worker: string, taker: Taker): Disposable {
    const channel = `${this.#prefix}:handed:${this.database}:${worker}`
    const own: Taker = { ...taker, take: (told) => { if (this.#takers.get(channel) === own && !this.#closed) taker.take(told) } }
    this.#takers.set(channel, own)
    // Where the connection is lost meanwhile, the next one brings it.
    this.#subscriber!.say((client) => this.#receive(client, channel, own)).catch(() => {})
    return {
      [Symbol.dispose]: () => {
        if (this.#takers.get(channel) !== own) return
        this.#takers.delete(channel)
        if (!this.#closed) this.#subscriber!.say((client) => client.unsubscribe(channel, own.take, true)).catch(() => {})
      }
    }
  }

  async post(topic: string, message: string): Promise<void> {
    await this.whole(() => this.#line.say((client) => client.publish(this.#channel(topic), message)))
  }

  /** Needs somebody who attends. */
  hear(name: string, hearer: Hearer): Hearing {
    const own = this.#topics.get(name)
    const topic = own ?? new Topic(this.#channel(name), this.#line.where)
    if (!own) {
      this.#topics.set(name, topic)
      // Where the connection is lost meanwhile, the next one brings it.
      this.#subscriber!.say((client) => topic.subscribe(client, this.#connection)).catch(() => {})
    }
    const left = topic.add(hearer)
    return {
      ready: topic.ready,
      [Symbol.dispose]: () => {
        left()
        if (topic.isHeard || this.#topics.get(name) !== topic) return
        this.#topics.delete(name)
        if (!this.#closed) this.#subscriber!.say((client) => topic.unsubscribe(client)).catch(() => {})
      }
    }
  }

  /** What was asked is still done. */
  async close(): Promise<void> {
    this.#closed = true
    this.#subscriber?.close()
    for (const topic of this.#topics.values()) topic.close()
    while (this.#underWay > 0) await this.#quiet.wait()
    this.#line.close()
  }

  /** Who may not hear it is handed nothing. */
  async #receive(client: RedisClientType, channel: string, { take, missed }: Taker): Promise<void> {
    if (!await client.subscribe(channel, take, true).then(() => true, () => false)) return
    while (client.isReady && !this.#closed && this.#takers.get(channel)?.take === take) {
      try {
        const told = await missed()
        if (told) take(told)
        return
      } catch {
        await systemClock.sleep(pause)
      }
    }
  }

  #channel(topic: string): string {
    return `${this.#prefix}:bus:${topic}`
  }
}
