import { measuring } from '../queue/treadle.ts'
import { freshServer } from './server.ts'

export const measure = measuring(freshServer)
