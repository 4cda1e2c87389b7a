import { Piscina } from 'piscina'
import { measuring } from './load.ts'

const filename = new URL('work.ts', import.meta.url).href

export const measure = measuring({
  threads(count) {
    const pool = new Piscina({ filename, minThreads: count, maxThreads: count })
    return {
      call: (name, argument) => pool.run(argument, { name }),
      move: (name, argument) => pool.run(Piscina.move(argument), { name }),
      close: () => pool.destroy()
    }
  }
})
