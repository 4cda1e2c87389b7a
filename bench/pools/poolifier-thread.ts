import { ThreadWorker } from 'poolifier'
import * as work from './work.ts'

export default new ThreadWorker({ ...work })
