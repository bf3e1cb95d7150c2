import { dirname, join } from 'node:path'
import type { Plugin } from 'rolldown'

const requiredHttp = 'virtual:required-http'

/**
 * Leaves out what nothing here can use, and each start would load:
 * - zod's messages in 60 languages, more than half of it, which come along as functions of the user's are given all of
 *   `z`: hdsync speaks English.
 * - the CommonJS form of yaml, which cannot be taken apart: its form for browsers is the same code in ES modules.
 * - Node's whole client for the web, which an import of `node:http` loads as `WebSocket` is among its names. `require`
 *   does not look at what is not asked for.
 */
export const leanPackages: Plugin = {
  name: 'lean packages',
  load: {
    filter: { id: [/\/zod\/v4\/locales\/index\.js$/, /^virtual:/] },
    handler: (id) =>
      id === requiredHttp
        ? `module.exports = require('node:http')`
        : `export { default as en } from './en.js'`,
  },
  resolveId: {
    filter: { id: /^(?:yaml|(?:node:)?http)$/ },
    async handler(id, importer) {
      if (id !== 'yaml') return importer === requiredHttp ? { id, external: true } : requiredHttp
      const found = await this.resolve(id, importer, { skipSelf: true })
      return found && join(dirname(dirname(found.id)), 'browser/index.js')
    },
  },
}
