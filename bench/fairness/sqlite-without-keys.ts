import { freshFile } from '../queue/load.ts'
import { measuring } from './tenants.ts'

export const measure = measuring(() => ({ url: `sqlite:${freshFile()}`, async [Symbol.asyncDispose]() {} }), false)
