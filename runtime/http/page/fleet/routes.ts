import type { AddScreens } from '../context.ts'
import { isHub } from '../look/layout.ts'

/** The screens of a fleet, on a hub alone. They are loaded once somebody looks at them. */
export const fleetRoutes: AddScreens = (app, page) => {
  if (!isHub(page)) return
  app.get('/fleet', async (c) => (await import('./fleet.ts')).fleetScreen(c, page))
  app.get('/fleet/:host', async (c) => {
    const { hostScreen } = await import('./host.ts')
    return hostScreen(c, page, c.req.param('host'))
  })
  app.get('/fleet/:host/:run', async (c) => {
    const { nightScreen } = await import('./night.ts')
    return nightScreen(c, page, c.req.param())
  })
}
