import { Problem } from '../../problem.ts'
import { respond } from '../../respond.ts'
import type { AddScreens } from '../context.ts'

const yearSeconds = 365 * 86_400

/** The files of the page. Nothing in them is secret: whoever is to log in needs them. */
export const assetRoutes: AddScreens = (app, { assets }) => {
  app.get('/assets/:name', (c) => {
    const asset = assets.get(c.req.param('name'))
    if (!asset) throw new Problem('unknown-path', 'There is nothing at this address.')
    const isVersion = c.req.query('v') === asset.version
    return respond(asset.text, 200, {
      'content-type': asset.type,
      'cache-control': isVersion ? `private, max-age=${yearSeconds}, immutable` : 'no-cache',
    })
  })
}
