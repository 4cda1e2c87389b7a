import { local, move } from 'treadle'
import { measuring } from './load.ts'
import * as tasks from './tasks.ts'

const { noopInProcess, echoInProcess, tinyAnywhere, ...onThreads } = tasks

export const measure = measuring({
  threads(count) {
    const here = local({ threads: count })
    return {
      call: (work, argument) => here.run(onThreads[work], argument),
      // Awaited, not iterated: all results are wanted at once. So small a task is left its default place.
      map: async (work, items) => await here.map(work === 'tiny' ? tinyAnywhere : onThreads[work], items),
      move: (_, argument) => here.run(tasks.echoMoved, move(argument)),
      close: () => here.close()
    }
  },
  processes(count) {
    const here = local({ processes: count })
    return { call: (work, argument) => here.run(work === 'echo' ? echoInProcess : noopInProcess, argument), close: () => here.close() }
  }
})
