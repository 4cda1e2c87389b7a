import { local } from 'treadle'
import { measuring } from './load.ts'
import * as tasks from './tasks.ts'

const { noopInProcess, echoInProcess, ...onThreads } = tasks

export const measure = measuring({
  threads(count) {
    const here = local({ threads: count })
    return {
      call: (work, argument) => here.run(onThreads[work], argument),
      map: (work, items) => Array.fromAsync(here.map(onThreads[work], items)),
      close: () => here.close()
    }
  },
  processes(count) {
    const here = local({ processes: count })
    return { call: (work, argument) => here.run(work === 'echo' ? echoInProcess : noopInProcess, argument), close: () => here.close() }
  }
})
