import { readdirSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, resolve } from 'node:path'
import { MissingPackageError } from '../../kernel/errors.ts'

/** Real data files in a folder. */
export interface Datasets {
  readonly folder: string
  /** In the order of their names. */
  readonly files: readonly string[]
}

/** Text, and of a size that a page of a web application might have: some forty of the package's seventy. */
const wanted = { kinds: /\.(csv|json|tsv)$/, least: 8_000, most: 1_000_000 }

/**
 * The data of the npm package `vega-datasets`, wherever it is installed: beside Treadle, or in the current project.
 *
 * @throws MissingPackageError where it is not installed
 */
export function findDatasets(): Datasets {
  const folder = join(packageFolder(), 'data')
  const files = readdirSync(folder).filter((name) => {
    const { size } = statSync(join(folder, name))
    return wanted.kinds.test(name) && size >= wanted.least && size <= wanted.most
  })
  return { folder, files: files.sort() }
}

function packageFolder(): string {
  for (const from of [import.meta.url, resolve('package.json')]) {
    try {
      return dirname(dirname(createRequire(from).resolve('vega-datasets')))
    } catch {
      // Looked for in the next place.
    }
  }
  throw new MissingPackageError('The demo', 'vega-datasets')
}
