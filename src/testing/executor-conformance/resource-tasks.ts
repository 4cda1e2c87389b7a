import { appendFileSync, existsSync } from 'node:fs'
import { type Resource, resource } from '../../tasks/resource.ts'
import { type Task, task } from '../../tasks/task.ts'

// Tasks that need something opened. What opens and closes says so in a journal, whose path stands in the environment: a byte each.

export const journalVariable = 'TREADLE_CONFORMANCE_JOURNAL'

function note(what: string): void {
  appendFileSync(process.env[journalVariable]!, what)
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

const pool: Resource<{ opened: number }> = resource({
  name: 'pool',
  async open() {
    await turn()
    note('o')
    return { opened: ++opened }
  },
  async close() {
    await turn()
    note('c')
  }
})
let opened = 0

/** Cannot be opened before a file stands beside the journal. */
const late: Resource<string> = resource({
  name: 'late',
  open() {
    note('o')
    if (!existsSync(`${process.env[journalVariable]!}.up`)) throw Object.assign(new Error('not up yet'), { code: 'E_DOWN' })
    return 'up'
  }
})

const hanging: Resource<number> = resource({
  name: 'hanging',
  open: () => 1,
  close() {
    note('h')
    return new Promise(() => { keepAlive() })
  }
})

const unclosable: Resource<number> = resource({
  name: 'unclosable',
  open: () => 1,
  close() {
    throw new Error('will not close')
  }
})

export const usePool: Task<[], number> = task({ name: 'conformance.usePool', resources: [pool] }, () => pool.current().opened)

export const usePoolSoon: Task<[], Promise<number>> = task({ name: 'conformance.usePoolSoon', resources: [pool] }, async () => {
  await turn()
  return pool.current().opened
})

export const usePoolInProcess: Task<[], number> = task({ name: 'conformance.usePoolInProcess', runs: 'process', resources: [pool] }, () => pool.current().opened)

export const useLate: Task<[], string> = task({ name: 'conformance.useLate', resources: [late] }, () => late.current())

export const useAll: Task<[], number> = task({ name: 'conformance.useAll', resources: [hanging, pool, unclosable] }, () => hanging.current() + unclosable.current())

export const useUndeclared: Task<[], number> = task({ name: 'conformance.useUndeclared' }, () => pool.current().opened)

function keepAlive(): void {
  setImmediate(keepAlive)
}
