/** The files of a project that works at once, by name. */
export function starter(version: string): Record<string, string> {
  return {
    'package.json': `${JSON.stringify({
      private: true,
      type: 'module',
      scripts: { start: 'node main.ts', worker: 'treadle worker', status: 'treadle status' },
      dependencies: { treadle: `^${version}` },
      devDependencies: { node: '^26.0.0' },
      allowScripts: { node: true }
    }, undefined, 2)}\n`,
    'treadle.config.ts': config,
    'tasks.ts': tasks,
    'main.ts': main,
    '.gitignore': 'node_modules\njobs.db*\n'
  }
}

const config = `import { defineConfig } from 'treadle'

// What "treadle" reads here. Flags and variables such as TREADLE_BROKER count more; "treadle config" shows what holds.
export default defineConfig({
  broker: 'sqlite:jobs.db',
  tasks: './tasks.ts'
})
`

const tasks = `import { context, task } from 'treadle'

/** It waits, so it runs on an event loop. It is tried again, up to three times, when it fails. */
export const greet = task({ name: 'greet', retry: { limit: 3 }, timeout: '10s' }, async (name: string) => {
  context().log.info({ name }, 'greeting')
  return \`Hello \${name}!\`
})

/** It computes, so it runs on a thread. */
export const countPrimes = task({ name: 'countPrimes' }, (below: number) => {
  let primes = 0
  for (let n = 2; n < below; n++) {
    if (isPrime(n)) primes++
    if (n % 1_000 === 0) context().progress(n, below, 'numbers')
  }
  return primes
})

function isPrime(n: number): boolean {
  for (let divisor = 2; divisor * divisor <= n; divisor++) if (n % divisor === 0) return false
  return true
}
`

const main = `import { connect } from 'treadle'
import config from './treadle.config.ts'
import * as tasks from './tasks.ts'

await using queue = await connect(config.broker!, { tasks })
const greeting = await queue.enqueue(tasks.greet, 'world')
const primes = await queue.enqueue(tasks.countPrimes, 1_000_000)
console.log(await greeting.result({ timeout: '1m' }))
console.log(\`\${await primes.result({ timeout: '1m' })} primes below a million\`)
`
