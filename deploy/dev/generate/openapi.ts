import { createApp } from '../../../runtime/http/app.ts'
import type { AppContext } from '../../../runtime/http/context.ts'
import { openapiDocument } from '../../../runtime/http/openapi.ts'

/** The HTTP side as a document: what `GET /openapi.json` answers. Nothing is asked of an engine for it. */
export async function openapi(version: string): Promise<unknown> {
  const config = { state: '/var/lib/hdsync' }
  const context = { engine: {}, config, version } as Pick<AppContext, 'engine' | 'config' | 'version'>
  return JSON.parse(JSON.stringify(await openapiDocument(createApp(context), version)))
}
