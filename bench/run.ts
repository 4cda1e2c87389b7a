import { execFile, execFileSync } from 'node:child_process'
import { existsSync, symlinkSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseArgs, promisify } from 'node:util'
import { type Case, type Suite, quantile } from './suite.ts'

const here = fileURLToPath(new URL('.', import.meta.url))
const suites = ['sqlite', 'redis', 'fairness', 'concurrency', 'pools']

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { case: { type: 'string' }, json: { type: 'boolean' }, rounds: { type: 'string', default: '5' } }
})
const [wanted] = positionals
if (!wanted || !suites.includes(wanted)) {
  console.error(`usage: npm run bench -- SUITE [--case NAME] [--rounds N] [--json]\nsuites: ${suites.join(', ')}`)
  process.exit(2)
}
if (!existsSync(`${here}node_modules`)) {
  console.error("installing the peers, once …")
  execFileSync('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], { cwd: here, stdio: ['ignore', 'ignore', 'inherit'] })
}
// As users have it: the built package.
console.error('building …')
execFileSync('npm', ['run', 'build'], { cwd: `${here}..`, stdio: ['ignore', 'ignore', 'inherit'] })
if (!existsSync(`${here}node_modules/treadle`)) symlinkSync(`${here}..`, `${here}node_modules/treadle`, 'junction')
const { suite } = await import(`./${wanted}/suite.ts`) as { suite: Suite }
const cases = suite.cases.filter(({ name }) => values.case === undefined || name === values.case)
if (cases.length === 0) {
  console.error(`no case '${values.case}'; there are: ${suite.cases.map(({ name }) => name).join(', ')}`)
  process.exit(2)
}
for (const each of cases) await run(each, Number(values.rounds))

/** Rounds of all contenders, one after another, so that a machine whose speed drifts is as unfair to each. */
async function run(one: Case, rounds: number): Promise<void> {
  const figures = new Map<string, Map<string, number[]>>()
  for (let round = 0; round < rounds; round++) {
    for (const { name, module } of suite.contenders) {
      const { stdout } = await promisify(execFile)(process.execPath, [`${here}measure.ts`, new URL(`./${suite.name}/${module}`, import.meta.url).href, one.name])
      for (const [figure, value] of Object.entries(JSON.parse(stdout) as Record<string, number>)) {
        const all = figures.get(figure) ?? new Map<string, number[]>()
        figures.set(figure, all.set(name, [...all.get(name) ?? [], value]))
      }
    }
  }
  for (const [figure, byContender] of figures) print(one, figure, byContender)
}

function print({ name, better, ...one }: Case, figure: string, byContender: ReadonlyMap<string, readonly number[]>): void {
  const unit = one.units?.[figure] ?? one.unit
  const medians = Object.fromEntries(Array.from(byContender, ([contender, values]) => [contender, rounded(quantile(values, 0.5))]))
  const { treadle = Number.NaN, ...peers } = medians
  const best = one.against !== undefined ? peers[one.against] ?? Number.NaN : Object.values(peers).reduce((a, b) => better === 'higher' ? Math.max(a, b) : Math.min(a, b), better === 'higher' ? 0 : Infinity)
  const ratio = Object.keys(peers).length === 0 ? null : rounded(better === 'higher' ? treadle / best : best / treadle)
  if (values.json) {
    console.log(JSON.stringify({ suite: suite.name, case: name + figure, unit, better, treadle, peers, ratio }))
  } else {
    const shown = Object.entries(peers).map(([peer, value]) => `${peer} ${value}`).join(', ')
    console.log(`${(name + figure).padEnd(20)} ${String(treadle).padStart(9)} ${unit.padEnd(7)} ${shown.padEnd(20)} ${ratio === null ? '' : `${ratio}x`}`)
  }
}

function rounded(value: number): number {
  return Number(value.toPrecision(3))
}
