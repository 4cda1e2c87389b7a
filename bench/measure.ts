import type { Measure } from './suite.ts'

// One case of one contender, in this process alone: node measure.ts MODULE CASE
const [module, name] = process.argv.slice(2)
const { measure } = await import(module!) as { measure: Measure }
process.stdout.write(`${JSON.stringify(await measure(name!))}\n`)
process.exit(0)
