import { Piscina } from 'piscina'
import { measuring } from './load.ts'

const filename = new URL('work.ts', import.meta.url).href
const moving = new URL('piscina-moving.ts', import.meta.url).href

export const measure = measuring({
  threads(count) {
    const pool = new Piscina({ filename, minThreads: count, maxThreads: count })
    return {
      call: (name, argument) => pool.run(argument, { name }),
      move: (_, argument) => pool.run(Piscina.move(argument), { filename: moving, name: 'echoMoved' }),
      close: () => pool.destroy()
    }
  }
})
