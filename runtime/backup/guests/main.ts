/** The process of the user's functions: hdsync starts it, and tells it what to do. See core/guests/. */
import { catalogue } from '../../../events/index.ts'
import { appRoot } from '../../app-root.ts'
import { assertTrustedPath } from '../../config/trust.ts'
import { serveGuests } from '../../core/guests/guest.ts'
import { providedModules } from './provided-modules.ts'

serveGuests(catalogue, { provided: providedModules(), root: `${appRoot}/`, check: assertTrustedPath })
