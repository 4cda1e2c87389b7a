#!/usr/bin/env node
// Plain JavaScript without imports up front: it must run on any Node to say that the Node is too old.
if (Number.parseInt(process.versions.node, 10) < 24) {
  console.error(`Treadle needs Node 24 or newer, and this is Node ${process.versions.node}: install the current Node, or add it to the project with "npm install --save-dev node".`)
  process.exit(2)
}
const { existsSync } = await import('node:fs')
const { enableCompileCache } = await import('node:module')
// Most of a start is compiling: what was compiled once is kept, in the folder for temporary files.
enableCompileCache()
// A checkout runs its sources as they are; the package holds only what was built from them.
const source = new URL('../src/cli/main.ts', import.meta.url)
const { main } = await import(existsSync(source) ? source.href : new URL('../dist/cli/main.js', import.meta.url).href)
await main(process.argv)
