import workerpool from 'workerpool'
import * as work from './work.ts'

workerpool.worker({ ...work })
