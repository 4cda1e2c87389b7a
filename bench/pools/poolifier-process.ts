import { ClusterWorker } from 'poolifier'
import * as work from './work.ts'

export default new ClusterWorker({ ...work })
