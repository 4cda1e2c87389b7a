import { execFileSync } from 'node:child_process'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { build } from 'esbuild'

// npm run build: what is published. Types lie as the sources do. The code is joined into few files, since each costs a thread that starts half a
// millisecond; what is there by a name of its own is what others start or import by it.

const root = import.meta.dirname
const [out = join(root, 'dist')] = process.argv.slice(2)
const imported = ['index', 'concurrency/index', 'http/index', 'testing/index']
const started = ['cli/main', 'cli/demo/tasks', 'cli/demo/*-process', 'executors/threads/thread', 'executors/processes/child', 'backends/sqlite/thread']
const check = 'kernel/node-version'

rmSync(out, { recursive: true, force: true })
execFileSync(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', 'tsconfig.build.json', '--emitDeclarationOnly', '--outDir', out], { cwd: root, stdio: 'inherit' })
await build({
  absWorkingDir: root,
  entryPoints: [...imported, ...started, check].map((name) => `src/${name}.ts`),
  outbase: 'src',
  outdir: out,
  // By this folder's name the package knows its own files from a bundle that holds them: see `entry`.
  chunkNames: 'treadle.chunks/[hash]',
  bundle: true,
  splitting: true,
  packages: 'external',
  // Those of package.json are for the built files.
  ignoreAnnotations: true,
  platform: 'node',
  format: 'esm',
  // So far that an older Node can say that it is too old.
  target: 'node20'
})

// What is shared is imported before what a module itself imports; but this comes first.
for (const name of imported) {
  const file = join(out, `${name}.js`)
  writeFileSync(file, `import '${name === 'index' ? './' : '../'}${check}.js'\n${readFileSync(file, 'utf8')}`)
}
