import { freshFile } from '../queue/load.ts'
import { measuring } from '../queue/treadle.ts'

export const measure = measuring(() => ({ url: `sqlite:${freshFile()}`, async [Symbol.asyncDispose]() {} }))
