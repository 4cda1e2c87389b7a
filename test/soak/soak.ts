import { setImmediate as nextTurn } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { Executor, Outcome } from '../../src/executors/executor.ts'
import { ProcessExecutor } from '../../src/executors/processes/process-executor.ts'
import { ThreadExecutor } from '../../src/executors/threads/thread-executor.ts'
import { type Kind, bomb, kinds } from './kinds.ts'

export interface SoakOptions {
  /** How many calls, on threads and processes together. */
  readonly calls: number
  readonly seed: number
  /** How many are under way at most, on each. Default: 1,000. */
  readonly inFlight?: number
  /** How often, compared with the shares of `kinds`, calls end their thread or process: a start costs as much as thousands of calls. Default: 1. */
  readonly harm?: number
  /** Hears of each tenth. */
  readonly onTenth?: (tenth: Tenth) => void
}

export interface Tenth {
  /** How many calls have settled, by their outcome. */
  readonly outcomes: Readonly<Record<string, number>>
  /** Bytes, with nothing under way, after a collection of garbage. */
  readonly heap: number
  readonly rss: number
}

export interface Soaked {
  readonly tenths: readonly Tenth[]
  /** What keeps a process alive, by kind, that was not there before. */
  readonly left: readonly string[]
}

/**
 * Gives very many calls to threads and child processes, of which some throw, exit, exhaust their memory, are aborted, run out of time or cannot
 * be sent: each kind once at first, then at random. The same seed gives the same calls in the same order, though not at the same moments.
 *
 * Throws where a call comes to an outcome that is not possible for it; does not end where one comes to none.
 */
export async function soak({ calls, seed, inFlight = 1_000, harm = 1, onTenth }: SoakOptions): Promise<Soaked> {
  const before = handles()
  const tenths: Tenth[] = []
  const outcomes: Record<string, number> = {}
  {
    await using threads = new ThreadExecutor({ threads: 2, grace: 20, resourceLimits: { maxOldGenerationSizeMb: 48 } })
    await using processes = new ProcessExecutor({ processes: 2, grace: 20, silent: true, execArgv: ['--max-old-space-size=48'], memoryLimit: 160 * 2 ** 20 })
    const pools = [new Pool(threads, seed, inFlight, harm, outcomes), new Pool(processes, seed + 1, inFlight, harm, outcomes)]
    for (let tenth = 1; tenth <= 10; tenth++) {
      const upTo = Math.floor(calls / pools.length * tenth / 10)
      await Promise.all(pools.map((pool) => pool.run(upTo)))
      const sample = { outcomes: { ...outcomes }, ...await memory() }
      tenths.push(sample)
      onTenth?.(sample)
    }
  }
  return { tenths, left: await leftOf(before) }
}

class Pool {
  readonly #executor: Executor
  readonly #outcomes: Record<string, number>
  readonly #random: () => number
  readonly #ran: Int32Array | undefined
  readonly #slots: number
  readonly #kinds: readonly Kind[]
  readonly #shares: readonly number[]
  readonly #patient = new AbortController().signal
  #given = 0
  /** How many more calls may yet be handed back. */
  #bombs = 0

  constructor(executor: Executor, seed: number, slots: number, harm: number, outcomes: Record<string, number>) {
    this.#executor = executor
    this.#outcomes = outcomes
    this.#random = randomOf(seed)
    this.#slots = slots
    this.#ran = executor.place === 'process' ? undefined : new Int32Array(new SharedArrayBuffer(4 * slots))
    this.#kinds = kinds.filter(({ inProcesses }) => !inProcesses || executor.place === 'process')
    this.#shares = this.#kinds.map(({ share, costly }) => costly ? share * harm : share)
  }

  /** Until so many calls in all have settled. */
  async run(upTo: number): Promise<void> {
    await Promise.all(Array.from({ length: this.#slots }, async (_, slot) => {
      while (this.#given < upTo) await this.#one(this.#given++, slot)
    }))
  }

  async #one(index: number, slot: number): Promise<void> {
    const kind = this.#kinds[index] ?? this.#pick()
    if (this.#ran) this.#ran[slot] = 0
    const { call, possible, afterwards } = kind.make({ index, random: this.#random, ran: this.#ran, slot, patient: this.#patient })
    if (kind.name === bomb) this.#bombs++
    const settled = this.#executor.execute(call)
    afterwards?.()
    const outcome = await settled
    this.#outcomes[outcome.kind] = (this.#outcomes[outcome.kind] ?? 0) + 1
    if (outcome.kind === 'handedBack' && this.#bombs > 0) this.#bombs--
    else if (!possible(outcome)) throw new Error(`Call ${index} of ${this.#executor.place}, '${kind.name}', came to what it cannot: ${told(outcome)}`)
    const ran = this.#ran?.[slot] ?? 0
    if (ran > 1) throw new Error(`Call ${index} of ${this.#executor.place}, '${kind.name}', ran ${ran} times.`)
  }

  #pick(): Kind {
    let left = this.#random() * this.#shares.reduce((sum, share) => sum + share)
    return this.#kinds.find((_, index) => (left -= this.#shares[index]!) < 0) ?? this.#kinds[0]!
  }
}

function told(outcome: Outcome): string {
  return JSON.stringify(outcome, (key, value: unknown) => typeof value === 'bigint' ? String(value) : key === 'thrown' ? undefined : value)
}

/** Mulberry32. */
function randomOf(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

async function memory(): Promise<Pick<Tenth, 'heap' | 'rss'>> {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  for (let round = 0; round < 3; round++) {
    await nextTurn()
    collect()
  }
  const { heapUsed, rss } = process.memoryUsage()
  return { heap: heapUsed, rss }
}

function handles(): readonly string[] {
  return process.getActiveResourcesInfo()
}

/** What has come since then. What is being closed is waited for, for some turns. */
async function leftOf(before: readonly string[]): Promise<readonly string[]> {
  let left: string[] = []
  for (let turn = 0; turn < 1_000; turn++) {
    await nextTurn()
    left = [...handles()]
    for (const kind of before) if (left.includes(kind)) left.splice(left.indexOf(kind), 1)
    // The one by which this very loop waits for its next turn.
    left = left.filter((kind) => kind !== 'Immediate')
    if (left.length === 0) break
  }
  return left
}
