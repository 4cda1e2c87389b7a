import { Tinypool } from 'tinypool'
import { type Pool, measuring } from './load.ts'

const filename = new URL('work.ts', import.meta.url).href
const open = (runtime: 'worker_threads' | 'child_process') => (count: number): Pool => {
  const pool = new Tinypool({ filename, runtime, minThreads: count, maxThreads: count })
  return {
    call: (name, argument) => pool.run(argument, { name }),
    close: () => pool.destroy()
  }
}

export const measure = measuring({ threads: open('worker_threads'), processes: open('child_process') })
