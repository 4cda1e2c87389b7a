import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { FixedClusterPool, FixedThreadPool } from 'poolifier'
import { measuring } from './load.ts'

const script = (kind: string): string => fileURLToPath(new URL(`poolifier-${kind}.ts`, import.meta.url))

// Some never end.
const destroyed = (pool: { destroy(): Promise<void> }): Promise<unknown> => Promise.race([pool.destroy(), wait(1_000)])

export const measure = measuring({
  threads(count) {
    const pool = new FixedThreadPool(count, script('thread'))
    return {
      call: (name, argument) => pool.execute(argument, name),
      move: (name, argument) => pool.execute(argument, name, undefined, [argument.buffer as ArrayBuffer]),
      map: (name, items) => pool.mapExecute(items as Iterable<unknown>, name),
      close: () => destroyed(pool)
    }
  },
  processes(count) {
    const pool = new FixedClusterPool(count, script('process'))
    return { call: (name, argument) => pool.execute(argument, name), close: () => destroyed(pool) }
  }
})
