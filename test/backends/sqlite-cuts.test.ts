import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { Worker } from 'node:worker_threads'
import { describe, test } from 'vitest'
import type { Backend } from '../../src/backends/backend.ts'
import { sqlite } from '../../src/backends/sqlite/sqlite-backend.ts'
import { BackendError } from '../../src/kernel/errors.ts'
import type { VirtualClock } from '../../src/kernel/virtual-clock.ts'
import type { Asked } from '../fixtures/backends/dying-thread.ts'
import { cutHistories } from '../support/histories.ts'
import { Fate, fated, letFatesHappen } from '../support/sqlite-faults.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { type CutPlace, type Cuttable, replayCut } from './cut-histories.ts'

letFatesHappen()

type OpenFile = (path: string, clock: VirtualClock) => Promise<Cuttable>

/** A handle in this thread. */
function here(then: 'fails' | 'dies'): OpenFile {
  return async (path, clock) => {
    const fate = new Fate(then)
    const backend = await fated(fate, () => sqlite(path, { clock }))
    return {
      backend,
      afterwards: then === 'fails' ? 'undone' : 'dead',
      cut: (way, after) => fate.arm(way, after),
      get cuts() { return fate.count },
      async drop() { if (fate.isDead) fate.database!.close() }
    }
  }
}

function filePlace(path: string, clock: VirtualClock, open: OpenFile): CutPlace {
  const opened = new AsyncDisposableStack()
  return {
    async open() {
      const handle = await open(path, clock)
      // Of one that died it fails.
      opened.defer(() => handle.backend.close().catch(() => {}))
      return handle
    },
    observe: async () => opened.adopt(await sqlite(path, { clock }), (backend) => backend.close()),
    async leftovers() {
      using db = new DatabaseSync(path)
      const tables = db.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name LIKE 'treadle%' AND name NOT IN ('treadle_meta', 'treadle_queues', 'treadle_gated', 'treadle_ended')").all().map(({ name }) => String(name))
      return tables.flatMap((table) => db.prepare(`SELECT * FROM ${table}`).all().map((row) => `${table} ${JSON.stringify(row)}`))
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync()
  }
}

/** A handle in a thread, which ends in earnest. */
async function inThread(path: string, clock: VirtualClock): Promise<Cuttable> {
  const thread = new Worker(new URL('../fixtures/backends/dying-thread.ts', import.meta.url), { workerData: { path, now: clock.now() }, execArgv: [] })
  const opened = Promise.withResolvers<unknown>()
  /** In the order asked. */
  const unanswered = [opened]
  let ended = false
  const lost = (): void => {
    for (const call of unanswered.splice(0)) call.reject(new BackendError('the thread ended'))
  }
  thread.on('message', (answer: unknown) => unanswered.shift()!.resolve(answer))
  thread.on('exit', () => {
    ended = true
    lost()
  })
  const ask = (asked: Asked): void => thread.postMessage(asked, [])
  const call = (does: keyof Backend) => (...args: readonly unknown[]): Promise<unknown> => {
    const answer = Promise.withResolvers<unknown>()
    unanswered.push(answer)
    if (ended) lost()
    else ask({ does, args, now: clock.now() })
    return answer.promise
  }
  await opened.promise
  return {
    // It hands nothing over.
    backend: new Proxy({} as Backend, { get: (_, name) => name === 'receive' ? undefined : call(name as keyof Backend) }),
    afterwards: 'dead',
    cut: (way, after) => ask({ way, after }),
    get cuts() { return ended ? 1 : 0 },
    drop: async () => void await thread.terminate()
  }
}

describe('random histories, cut off', () => {
  const files = { 'a statement in a file fails': here('fails'), 'who uses a file dies between any two statements': here('dies'), 'a thread that uses a file ends between any two statements': inThread }
  for (const [name, open] of Object.entries(files)) {
    test(`${name}, and handles go`, { timeout: 60_000 + cutHistories.runs * 1_000 }, async () => {
      using folder = temporaryFolder()
      let places = 0
      const runs = open === inThread ? Math.ceil(cutHistories.runs / 20) : cutHistories.runs
      await replayCut((clock) => filePlace(join(folder.path, `${++places}.db`), clock, open), { ...cutHistories, runs })
    })
  }
})
