import { execFile } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { root } from '../support/build.ts'

const fixtures = fileURLToPath(new URL('../fixtures/sources', import.meta.url))

/** What a program printed, and how it ended; null where it was stopped because it did not. */
export interface Run {
  readonly code: number | null
  readonly output: string
}

/** A program's folder of its own, with Treadle installed as a package and a copy of the fixtures. */
export class Project implements Disposable {
  readonly folder: string = mkdtempSync(join(tmpdir(), 'treadle-project-'))

  constructor(packageFolder: string, type: 'module' | 'commonjs') {
    cpSync(fixtures, this.folder, { recursive: true })
    mkdirSync(join(this.folder, 'node_modules'))
    symlinkSync(packageFolder, join(this.folder, 'node_modules/treadle'))
    symlinkSync(join(root, 'node_modules/vitest'), join(this.folder, 'node_modules/vitest'))
    // CommonJS is what a package is that does not say.
    this.write('package.json', JSON.stringify(type === 'module' ? { type } : {}))
  }

  path(name: string): string {
    return join(this.folder, name)
  }

  write(name: string, text: string): void {
    writeFileSync(this.path(name), text)
  }

  /** Runs Node in the folder, or in another. */
  node(args: readonly string[], cwd: string = this.folder): Promise<Run> {
    return new Promise((resolve) => {
      // Not what Vitest has set for its own.
      const { NODE_OPTIONS: _, VITEST: __, ...env } = process.env
      const child = execFile(process.execPath, args, { cwd, env, timeout: 60_000 }, (___, stdout, stderr) => resolve({ code: child.exitCode, output: stdout + stderr }))
    })
  }

  /** Runs a tool that is installed here. */
  tool(path: string, ...args: string[]): Promise<Run> {
    return this.node([join(root, 'node_modules', path), ...args])
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true, force: true })
  }
}
