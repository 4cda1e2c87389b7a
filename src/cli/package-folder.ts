/** Where this package is: its sources, and what is built from them, lie two folders deep. */
export const packageFolder: URL = new URL('../../', import.meta.url)

/** Whether its sources run, and not what was built from them. */
export const runsSources: boolean = import.meta.url.endsWith('.ts')
