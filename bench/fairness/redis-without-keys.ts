import { freshServer } from '../redis/server.ts'
import { measuring } from './tenants.ts'

export const measure = measuring(freshServer, false)
